rule plot:
    """Draw the tables and figures of the study from its scores."""
    input:
        plan.scores,
    output:
        results=plan.study_folder / "results.csv",
        marker=plan.marker,
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
