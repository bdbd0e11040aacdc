rule score:
    """Measure accuracy, uncertainty and calibration of one combination."""
    input:
        ancient(plan.inputs("score")),
    output:
        update(plan.pattern("score", "scores.json")),
        update(plan.pattern("score", "curves.npz")),
        update(plan.pattern("score", "manifest.json")),
    log:
        plan.log("score"),
    conda:
        "../../environment.yml"
    params:
        scripts=plan.scripts,
        spec=plan.spec("score"),
        run=plan.arguments("score"),
    message:
        "score {wildcards.place}"
    shell:
        "exec python {params.scripts:q}/score.py --spec {params.spec:q} "
        "--fingerprint {wildcards.fingerprint} --threads {threads} {params.run} >> {log:q} 2>&1"
