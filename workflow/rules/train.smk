rule train:
    """Train one network: an ensemble member, or the one with dropout."""
    input:
        ancient(jobs.inputs("train")),
    output:
        update(jobs.outputs("train")),
    log:
        jobs.log("train"),
    conda:
        "../../environment.yml"
    threads: jobs.threads("train")
    resources:
        gpu=jobs.gpus("train"),
    params:
        command=jobs.command("train"),
    message:
        "train {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
