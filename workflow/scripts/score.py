"""Score the predictions of one combination: pipeline.stages.score."""

from pipeline.running.job import main

if __name__ == "__main__":
    main("score")
