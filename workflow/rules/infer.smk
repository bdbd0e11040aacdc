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
    threads: plan.threads("infer", cores)
    resources:
        gpu=1,
    params:
        scripts=plan.scripts,
        spec=plan.spec("infer"),
        run=plan.arguments("infer"),
    message:
        "predict {wildcards.place}"
    shell:
        "exec python {params.scripts:q}/infer.py --spec {params.spec:q} "
        "--fingerprint {wildcards.fingerprint} --threads {threads} {params.run} >> {log:q} 2>&1"
