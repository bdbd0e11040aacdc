rule prune:
    """Remove channels of a trained network."""
    input:
        ancient(plan.inputs("prune")),
    output:
        update(plan.pattern("prune", "model.safetensors")),
        update(plan.pattern("prune", "report.json")),
        update(plan.pattern("prune", "manifest.json")),
    log:
        plan.log("prune"),
    conda:
        "../../environment.yml"
    threads: plan.threads("prune", cores)
    resources:
        gpu=1,
    params:
        scripts=plan.scripts,
        spec=plan.spec("prune"),
        run=plan.arguments("prune"),
    message:
        "prune {wildcards.place}"
    shell:
        "exec python {params.scripts:q}/prune.py --spec {params.spec:q} "
        "--fingerprint {wildcards.fingerprint} --threads {threads} {params.run} >> {log:q} 2>&1"
