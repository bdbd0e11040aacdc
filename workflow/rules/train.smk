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
    threads: plan.threads("train", cores)
    resources:
        gpu=1,
    params:
        scripts=plan.scripts,
        spec=plan.spec("train"),
        run=plan.arguments("train"),
    message:
        "train {wildcards.place}"
    shell:
        "exec python {params.scripts:q}/train.py --spec {params.spec:q} "
        "--fingerprint {wildcards.fingerprint} --threads {threads} {params.run} >> {log:q} 2>&1"
