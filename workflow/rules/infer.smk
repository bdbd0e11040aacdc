rule infer:
    """Predict the test set with one network."""
    input:
        ancient(jobs.inputs("infer")),
    output:
        update(jobs.outputs("infer")),
    log:
        jobs.log("infer"),
    conda:
        "../../environment.yml"
    threads: jobs.threads("infer")
    resources:
        gpu=jobs.gpus("infer"),
    params:
        command=jobs.command("infer"),
    message:
        "predict {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
