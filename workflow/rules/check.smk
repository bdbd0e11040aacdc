rule check:
    """Try on random weights whether a network can be cut by the pruners, before any training."""
    input:
        ancient(jobs.inputs("check")),
    output:
        update(jobs.outputs("check")),
    log:
        jobs.log("check"),
    conda:
        "../../environment.yml"
    threads: jobs.threads("check")
    resources:
        gpu=jobs.gpus("check"),
    params:
        command=jobs.command("check"),
    message:
        "check {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
