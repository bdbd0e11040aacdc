"""Predict the test set with one network: pipeline.stages.infer."""

from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.job import main

    main("infer")
