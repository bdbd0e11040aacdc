"""Train one network: pipeline.stages.train."""

from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.job import main

    main("train")
