rule finetune:
    """Train a pruned network further."""
    input:
        ancient(plan.inputs("finetune")),
    output:
        update(plan.pattern("finetune", "model.safetensors")),
        update(plan.pattern("finetune", "manifest.json")),
    log:
        plan.log("finetune"),
    conda:
        "../../environment.yml"
    threads: plan.threads("finetune", cores)
    resources:
        gpu=1,
    params:
        scripts=plan.scripts,
        spec=plan.spec("finetune"),
        run=plan.arguments("finetune"),
    message:
        "fine-tune {wildcards.place}"
    shell:
        "exec python {params.scripts:q}/finetune.py --spec {params.spec:q} "
        "--fingerprint {wildcards.fingerprint} --threads {threads} {params.run} >> {log:q} 2>&1"
