"""How long jobs take: the likeliest jobs that were timed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cache import files, manifests, paths
from pipeline.cache.specs import Data, Finetune, Infer, Prune, Recipe, Score, Spec, Train
from pipeline.commands.estimate import WallTimes, in_time

RESNET = Train(Data("digits"), "resnet18", Recipe(epochs=10))
VGG = Train(Data("digits"), "vgg19", Recipe(epochs=10))
WIDE = Train(Data("digits"), "resnet18", Recipe(epochs=10), (("width", 2.0),))


@pytest.fixture
def timed(tmp_path: Path) -> Callable[..., WallTimes]:
    def timed(*jobs: tuple[Spec, float]) -> WallTimes:
        for spec, seconds in jobs:
            folder = tmp_path / paths.folder(spec)
            manifests.Manifest(spec.fingerprint, spec.to_json(), {}, {}).write(folder)
            files.write_json(folder / "provenance.json", {"wall_seconds": seconds})
        return WallTimes(tmp_path)

    return timed


def test_the_likest_jobs_are_gone_by(timed: Callable[..., WallTimes]) -> None:
    times = timed(
        (RESNET, 20.0), (VGG, 50.0),
        (Prune(RESNET, "l1", 0.4), 3.0), (Prune(RESNET, "l1", 0.8), 5.0),
        (Prune(VGG, "hrank", 0.4), 9.0),
        (Finetune(Prune(RESNET, "l1", 0.4), Recipe(2)), 4.0),
        (Infer(RESNET), 1.0), (Infer(RESNET, samples=5), 6.0),
        (Score((Infer(RESNET),), "msp"), 0.5),
    )  # fmt: skip
    assert times.of(VGG) == 50
    # Twice the epochs of the same network; any width is more alike than another architecture.
    assert times.of(Train(Data("digits"), "resnet18", Recipe(20))) == 40
    assert times.of(WIDE) == 20
    # No network of this kind was trained: the mean of all.
    assert times.of(Train(Data("digits"), "other", Recipe(10))) == 35
    assert times.of(Prune(RESNET, "l1", 0.4)) == 3
    assert times.of(Prune(RESNET, "l1", 0.6)) == 4
    assert times.of(Prune(RESNET, "random", 0.6)) == 4
    assert times.of(Prune(VGG, "l1", 0.6)) == 9
    assert times.of(Infer(RESNET, samples=5)) == 6
    assert times.of(Finetune(Prune(VGG, "l1", 0.4), Recipe(3))) == 6
    assert times.of(Score((Infer(VGG),), "ensemble")) == 0.5
    # Pruning that trains is another kind of job than pruning that doesn't.
    assert times.of(Prune(RESNET, "resrep", 0.4, recipe=Recipe(5))) is None
    assert times.of(Data("digits")) is None


def test_what_cannot_be_read_is_nothing_to_go_by(
    timed: Callable[..., WallTimes], tmp_path: Path
) -> None:
    for number, (name, content) in enumerate(
        [("provenance.json", b"{}"), ("provenance.json", b'{"wall_seconds": "1"}'),
         ("provenance.json", b"{"), ("manifest.json", b"{}"), ("manifest.json", b"1")]
    ):  # fmt: skip
        spec = Train(Data("digits"), "resnet18", Recipe(epochs=10), member=number)
        timed((spec, 1000.0))
        (tmp_path / paths.folder(spec) / name).write_bytes(content)
    assert WallTimes(tmp_path).of(RESNET) is None
    assert timed((VGG, 50.0)).of(RESNET) == 50


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (90, "1.5 min"), (750, "12 min"), (5399, "90 min"),
     (5400, "1.5 h"), (36_000, "10 h"), (129_600, "1.5 days"), (1_000_000, "12 days")],
)  # fmt: skip
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_time(seconds) == words
