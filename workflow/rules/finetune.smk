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
    threads: plan.threads(cores)
    resources:
        gpu=1,
    params:
        command=plan.command("finetune"),
    message:
        "fine-tune {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
