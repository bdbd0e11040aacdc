"""How jobs run: what Snakemake is told, and what a job does around its stage.

switches             how to run, apart from the study
plan                 a study's artifacts, where they lie, and what of them is there
rules                what the rules are told of the plan
snakemake_internals  what the Snakefile takes from inside Snakemake
job                  what a job does around its stage
failure              whether a job that failed may succeed the next time
gpu                  which device a job gets
"""
