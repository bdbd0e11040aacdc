"""Fine-tune one pruned network: pipeline.stages.finetune."""

from pipeline.running.job import main

if __name__ == "__main__":
    main("finetune")
