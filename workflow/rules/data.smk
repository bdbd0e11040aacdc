rule data:
    """Read a data set once and store it as tensors."""
    input:
        ancient(plan.inputs("data")),
    output:
        update(plan.pattern("data", "images.safetensors")),
        update(plan.pattern("data", "manifest.json")),
    log:
        plan.log("data"),
    conda:
        "../../environment.yml"
    params:
        scripts=plan.scripts,
        spec=plan.spec("data"),
        run=plan.arguments("data"),
    message:
        "read {wildcards.place}"
    shell:
        "exec python {params.scripts:q}/data.py --spec {params.spec:q} "
        "--fingerprint {wildcards.fingerprint} --threads {threads} {params.run} >> {log:q} 2>&1"
