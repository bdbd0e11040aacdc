"""Predict the test set with one network: pipeline.stages.infer."""

from pipeline.job import main

if __name__ == "__main__":
    main("infer")
