rule infer:
    """Predict the test set with one network."""
    input:
        ancient(plan.inputs("infer")),
    output:
        update(plan.pattern("infer", "predictions.safetensors")),
        update(plan.pattern("infer", "manifest.json")),
    log:
        plan.log("infer"),
    conda:
        "../../environment.yml"
    threads: plan.threads(cores)
    resources:
        gpu=1,
    params:
        command=plan.command("infer"),
    message:
        "predict {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
