"""Read a data set once and store it as tensors: pipeline.stages.data."""

from pipeline.running.job import main

if __name__ == "__main__":
    main("data")
