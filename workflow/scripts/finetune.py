"""Fine-tune one pruned network: pipeline.stages.finetune."""

from pipeline.running import loading

if __name__ == "__main__":
    loading.begin()
    from pipeline.running.job import main

    main("finetune")
