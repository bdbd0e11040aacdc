rule plot:
    """Draw the tables and figures of the study from its scores."""
    input:
        ancient(jobs.scores),
    output:
        # Alone: Snakemake deletes a job's outputs before it starts and when it fails, which must
        # not be what another process draws here.
        plan.marker,
    log:
        plan.study_folder / "plot.log",
    conda:
        "../../environment.yml"
    params:
        command=jobs.drawing_command(),
    message:
        "draw tables and figures"
    shell:
        "exec {params.command} >> {log:q} 2>&1"
