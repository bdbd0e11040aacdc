"""Specs: what each stage makes, and from what.

A spec is a frozen dataclass that holds everything that determines a stage's output; its parents
are specs too, so one spec is the complete recipe of an artifact:

    >>> train = Train(Data("digits"), "resnet18", recipe=Recipe(epochs=8))
    >>> infer = Infer(Prune(train, "l1", sparsity=0.4))
    >>> infer.fingerprint
    '81c0d9e4'

A class here is all that the plan, the commands and the figures know of a stage: its files, what it
reads, its words in a place, whether a GPU helps, and which of its jobs take alike long. Beside it,
a stage has a module in `pipeline.stages`, a rule, and a line in the SLURM profile.
"""

from pipeline.cache.recipe import Recipe
from pipeline.cache.spec import STAGES, Spec, from_json

# The order of the stages is that of these lines.
from pipeline.cache.specs.data import Check, Data, Options
from pipeline.cache.specs.networks import Finetune, Network, Prune, Train
from pipeline.cache.specs.predictions import Infer, Score

__all__ = [
    "STAGES", "Check", "Data", "Finetune", "Infer", "Network", "Options", "Prune", "Recipe",
    "Score", "Spec", "Train", "from_json",
]  # fmt: skip
