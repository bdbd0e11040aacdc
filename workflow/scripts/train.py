"""Train one network: pipeline.stages.train."""

from pipeline.running.job import main

if __name__ == "__main__":
    main("train")
