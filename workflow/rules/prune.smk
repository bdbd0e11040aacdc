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
    threads: plan.threads(cores)
    resources:
        gpu=1,
    params:
        command=plan.command("prune"),
    message:
        "prune {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
