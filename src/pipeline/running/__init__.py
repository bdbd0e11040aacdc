"""How jobs run: what Snakemake is told, and what a job does around its stage."""
