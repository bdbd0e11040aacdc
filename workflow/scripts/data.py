"""Read a data set once and store it as tensors: pipeline.stages.data."""

from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.job import main

    main("data")
