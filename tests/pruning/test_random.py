import torch

from pipeline.cutting.coupling import find_groups
from pipeline.cutting.selection import select
from pipeline.models import build
from pipeline.pruning import random, scores

EXAMPLE = torch.zeros(1, 3, 32, 32)


def test_scores_are_permutations_decided_by_seed_and_layer() -> None:
    model = build("resnet18", 10, width=0.25)
    first = scores(model, "random", example_input=EXAMPLE, seed=1)
    assert all(sorted(s.tolist()) == list(range(len(s))) for s in first.values())
    torch.manual_seed(3)
    again = scores(model, "random", example_input=EXAMPLE, seed=1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = scores(model, "random", example_input=EXAMPLE, seed=2)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert not torch.equal(first["layer1.0.conv1"], first["layer1.1.conv1"])


def test_a_permutation_never_changes() -> None:
    # Once released, a seed must go on to mean the same channels.
    found = scores(build("resnet18", 10, width=0.125), "random", example_input=EXAMPLE, seed=0)
    assert found["layer1.0.conv1"].tolist() == [7, 2, 1, 4, 5, 6, 3, 0]


def test_every_channel_is_as_likely_to_stay() -> None:
    model = build("resnet18", 10, width=0.125)
    found = find_groups(model, EXAMPLE)[:2]
    counts = {"conv1": [0] * 8, "layer1.0.conv1": [0] * 8}
    for seed in range(200):
        kept = select(model, found, random.scores(model, found, seed=seed), 0.5)
        for name, channels in counts.items():
            for channel in kept[name]:
                channels[channel] += 1
    # Binomial with 200 draws of 1/2: standard deviation 7.
    assert all(70 < count < 130 for channels in counts.values() for count in channels)
    assert {sum(channels) for channels in counts.values()} == {800}
