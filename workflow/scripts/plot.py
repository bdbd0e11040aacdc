"""Draw the tables and figures of a study: pipeline.stages.plot."""

import argparse
import json
import sys
from pathlib import Path

# An environment that is made from environment.yml does not hold this package.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from pipeline.errors import PipelineError
from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.plan import Plan

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, help="the study with its run switches, as JSON")
    parser.add_argument("--marker", type=Path, help="the marker that was planned")
    arguments = parser.parse_args()
    try:
        plan = Plan.load(json.loads(arguments.study))
        if arguments.marker not in (None, plan.marker):
            raise PipelineError("planned from other code or another study; run snakemake again")
        loading.cover(["stages.plot"], [plan.artifacts, plan.switches.results])
        from pipeline.stages.plot import run

        for file in run(plan):
            print(file)
        loading.check()
    except PipelineError as error:
        sys.exit(f"plot: {error}")
    except OSError as error:
        sys.exit(f"plot: {error.filename or arguments.marker}: {error.strerror or error}")
