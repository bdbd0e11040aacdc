"""What pruning does to a network's uncertainty: the library behind the Snakemake workflow."""
