"""Study: from a YAML file to the grid of stage specs.

    study = Study.load("config.yaml")
    for combination in study.combinations():
        combination.pruner, combination.sparsity, combination.score.fingerprint

Reading a study checks everything that can be known before any work is done: keys, types, ranges,
names, options, duplicates. It imports no torch, so that the Snakefile can afford it.

    reading (YAML) → checks (schema.yaml) → entries, recipes → grid
"""

from pipeline.study.grid import AXES, REPEATS, Combination, Study

__all__ = ["AXES", "REPEATS", "Combination", "Study"]
