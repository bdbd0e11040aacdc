"""Prune one network: pipeline.stages.prune."""

from pipeline.running.job import main

if __name__ == "__main__":
    main("prune")
