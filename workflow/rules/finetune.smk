rule finetune:
    """Train a pruned network further."""
    input:
        ancient(jobs.inputs("finetune")),
    output:
        update(jobs.outputs("finetune")),
    log:
        jobs.log("finetune"),
    conda:
        "../../environment.yml"
    threads: jobs.threads("finetune")
    resources:
        gpu=jobs.gpus("finetune"),
    params:
        command=jobs.command("finetune"),
    message:
        "fine-tune {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
