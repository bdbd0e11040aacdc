rule score:
    """Measure accuracy, uncertainty and calibration of one combination."""
    input:
        ancient(jobs.inputs("score")),
    output:
        update(jobs.outputs("score")),
    log:
        jobs.log("score"),
    conda:
        "../../environment.yml"
    threads: jobs.threads("score")
    resources:
        gpu=jobs.gpus("score"),
    params:
        command=jobs.command("score"),
    message:
        "score {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
