"""What is checked before the networks of a study are trained: see `pipeline.stages.check`."""

from collections import defaultdict
from collections.abc import Iterable

from pipeline.cache import paths
from pipeline.cache.specs import Check, Data, Options, Prune, Spec, Train

Network = tuple[Data, str, Options]


def checks_of(specs: Iterable[Spec]) -> dict[str, Check]:
    """The check that each training waits for, by the training's folder.

    Args:
        specs: All of a study: its trainings, and how these networks are pruned.
    """
    trainings: dict[Network, list[Train]] = defaultdict(list)
    prunings: dict[Network, list[Prune]] = defaultdict(list)
    for spec in specs:
        if isinstance(spec, Train):
            trainings[_network(spec)].append(spec)
        elif isinstance(spec, Prune):
            prunings[_network(spec.model)].append(spec)
    found = {}
    for network, trained in trainings.items():
        highest: dict[tuple[str, Options], float] = defaultdict(float)
        for spec in prunings[network]:
            pruner = spec.pruner, spec.options
            highest[pruner] = max(highest[pruner], spec.sparsity)
        pruners = tuple(sorted(highest, key=repr))
        sparsities = tuple(highest[pruner] for pruner in pruners)
        check = Check(
            *network,
            dropout=max(spec.dropout for spec in trained),
            pruners=pruners,
            sparsity=max(sparsities, default=0.0),
            sparsities=sparsities if len(set(sparsities)) > 1 else (),
        )
        found.update({paths.folder(spec): check for spec in trained})
    return found


def _network(spec: Train) -> Network:
    return spec.data, spec.architecture, spec.options
