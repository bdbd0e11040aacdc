rule plot:
    """Draw the tables and figures of the study from its scores."""
    input:
        ancient(plan.scores),
    output:
        results=plan.drawn[0],
        marker=plan.drawn[1],
    log:
        plan.study_folder / "plot.log",
    conda:
        "../../environment.yml"
    params:
        scripts=plan.scripts,
        study=plan.json,
    message:
        "draw tables and figures"
    shell:
        "exec python {params.scripts:q}/plot.py --study {params.study:q} --marker {output.marker:q} "
        ">> {log:q} 2>&1"
