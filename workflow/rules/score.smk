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
        command=plan.command("score"),
    message:
        "score {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
