rule prune:
    """Remove channels of a trained network."""
    input:
        ancient(jobs.inputs("prune")),
    output:
        update(jobs.outputs("prune")),
    log:
        jobs.log("prune"),
    conda:
        "../../environment.yml"
    threads: jobs.threads("prune")
    resources:
        gpu=jobs.gpus("prune"),
    params:
        command=jobs.command("prune"),
    message:
        "prune {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
