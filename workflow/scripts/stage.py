"""Make one artifact, of whichever stage its spec is: pipeline.stages."""

import sys
from pathlib import Path

# An environment that is made from environment.yml does not hold this package.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.job import main

    main()
