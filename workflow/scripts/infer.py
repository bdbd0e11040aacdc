"""Predict the test set with one network: pipeline.stages.infer."""

from pipeline.running.job import main

if __name__ == "__main__":
    main("infer")
