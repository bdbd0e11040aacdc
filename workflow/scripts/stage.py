"""Make one artifact, of whichever stage its spec is: pipeline.stages."""

from pipeline.running.job import main

if __name__ == "__main__":
    main()
