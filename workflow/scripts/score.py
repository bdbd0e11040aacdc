"""Score the predictions of one combination: pipeline.stages.score."""

from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.job import main

    main("score")
