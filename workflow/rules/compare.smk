rule compare:
    """Look whether a folder holds what a data set was read from, before that is used."""
    output:
        jobs.comparison,
    wildcard_constraints:
        origin="[0-9a-f]{8}",
    log:
        jobs.comparison_log,
    conda:
        "../../environment.yml"
    threads: jobs.readers
    params:
        command=jobs.comparing_command(),
    message:
        "compare {wildcards.place} with its folder"
    shell:
        "exec {params.command} --readers {threads} --origin {output:q} >> {log:q} 2>&1"
