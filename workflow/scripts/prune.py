"""Prune one network: pipeline.stages.prune."""

from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.job import main

    main("prune")
