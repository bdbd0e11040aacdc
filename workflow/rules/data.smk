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
        command=plan.command("data"),
    message:
        "read {wildcards.place}"
    shell:
        "exec {params.command} --threads {threads} >> {log:q} 2>&1"
