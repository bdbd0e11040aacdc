rule train:
    """Train one network: an ensemble member, or the one with dropout."""
    input:
        ancient(plan.inputs("train")),
    output:
        update(plan.pattern("train", "model.safetensors")),
        update(plan.pattern("train", "manifest.json")),
    log:
        plan.log("train"),
    conda:
        "../../environment.yml"
    threads: plan.threads(cores)
    resources:
        gpu=1,
    params:
        command=plan.command("train"),
    message:
        "train {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
