"""Prune one network: pipeline.stages.prune."""

from pipeline.job import main

if __name__ == "__main__":
    main("prune")
