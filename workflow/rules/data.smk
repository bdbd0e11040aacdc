rule data:
    """Read a data set once and store it as tensors."""
    input:
        ancient(jobs.inputs("data")),
    output:
        update(jobs.outputs("data")),
    log:
        jobs.log("data"),
    conda:
        "../../environment.yml"
    threads: jobs.threads("data")
    resources:
        gpu=jobs.gpus("data"),
    params:
        command=jobs.command("data"),
    message:
        "read {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
