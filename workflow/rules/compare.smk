rule compare:
    """Look whether a folder holds what a data set was read from, before that is used."""
    output:
        jobs.comparison,
    log:
        jobs.comparison_log,
    wildcard_constraints:
        origin="[0-9a-f]{8}",
    conda:
        "../../environment.yml"
    threads: jobs.threads("data")
    params:
        command=jobs.comparing_command(),
    message:
        "compare {wildcards.place} with its folder"
    shell:
        "exec {params.command} --threads {threads} --origin {output:q} >> {log:q} 2>&1"
