"""A small study from scores to files."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import scores

from pipeline.errors import PipelineError
from pipeline.report.page import write as plot
from pipeline.report.results import Scores


def study(
    folder: Path,
    architectures: Sequence[str] = ("vgg19",),
    members: int = 1,
    intervals: bool = True,
    replicates: int = 1,
) -> list[Scores]:
    """One data set and architecture, two pruners at two sparsities, two methods."""
    networks = [("none", 0.0), *product(["random", "l1"], [0.4, 0.8])]
    combinations = []
    for replicate, architecture, (pruner, sparsity), uncertainty in product(
        range(replicates), architectures, networks, ["msp", "ensemble"]
    ):
        for member in range(members if uncertainty == "msp" else 1):
            names = f"{pruner}-{sparsity}", f"{uncertainty}-{member}", str(replicate)
            here = folder.joinpath(architecture, *names)
            here.mkdir(parents=True)
            accuracy = 0.95 - 0.1 * sparsity - 0.01 * member - 0.02 * replicate
            bounds = {"low": accuracy - 0.02, "high": accuracy + 0.02} if intervals else {}
            numbers = {
                "accuracy": {"value": accuracy} | bounds,
                "ause": {"value": 0.05 + 0.1 * sparsity},
                "random_level": {"value": 0.1},
                "ause_over_random": {"value": 0.5 + sparsity},
                "ece": {"value": 0.03},
            }
            kinds = ["msp"] if uncertainty == "msp" else ["logit_variance", "entropy"]
            content = {
                "samples": 1,
                "images": 100,
                "classes": 10,
                "models": [{"parameters": 1000, "macs": 2000}],
                "default": kinds[0],
                "definitions": dict.fromkeys(kinds, numbers),
            }
            (here / "scores.json").write_text(json.dumps(content))
            np.savez(
                here / "curves.npz",
                **{
                    f"{name}/{curve}": np.linspace(0.3, 0, 51)
                    for name, curve in product(kinds, ["predicted", "oracle"])
                },
                **{f"{name}/reliability": np.array([[0.5, 0.6, 100]]) for name in kinds},
                # Of the images: what is hard is hard in every training.
                **{f"{kinds[0]}/resamples/accuracy": accuracy + np.linspace(-0.02, 0.02, 41)},
            )
            combinations.append(
                scores(
                    here,
                    dataset="digits",
                    architecture=architecture,
                    pruner=pruner,
                    sparsity=sparsity,
                    uncertainty=uncertainty,
                    member=member,
                    replicate=replicate,
                )
            )
    return combinations


def test_everything_is_written_and_listed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    combinations = study(tmp_path / "scores", ["resnet18", "vgg19"], members=2)
    written = plot(combinations, out, dpi=40)
    assert sorted(written) == sorted(path for path in out.rglob("*") if path.is_file())
    names = {str(path.relative_to(out)) for path in written}
    figures = ["digits-over-sparsity"]
    tables = ["sizes", "macs", "comparisons"]
    for architecture in ("resnet18", "vgg19"):
        name = f"digits-{architecture}"
        figures += [
            f"{name}-{kind}"
            for kind in (
                "accuracy-over-metrics",
                "risk-coverage",
                "sparsification",
                "reliability",
                "pruners-alike",
            )
        ]
        kinds = [
            "ause",
            "ece",
            "ause-over-random",
            "intervals",
            "definitions",
            "members",
            "metrics",
        ]
        tables += [f"{name}-{kind}" for kind in kinds]
    assert names == (
        {"report.md", "report.html", "results.csv"}
        | {f"figures/{name}.{suffix}" for name in figures for suffix in ("svg", "png")}
        | {f"tables/{name}.{suffix}" for name in tables for suffix in ("md", "csv", "tex")}
    )
    report = (out / "report.md").read_text(encoding="utf-8")
    for path in written:
        if path.suffix == ".png":
            assert f"(figures/{path.name})" in report
        if path.suffix == ".md" and path.parent.name == "tables":
            assert path.read_text(encoding="utf-8") in report


def test_a_study_of_several_trainings_shows_their_means(tmp_path: Path) -> None:
    combinations = study(tmp_path / "scores", replicates=3)
    plot(combinations, tmp_path, formats=["svg"])
    numbers = pd.read_csv(tmp_path / "results.csv")
    counts = numbers["replicate"].value_counts().to_dict()
    assert counts == dict.fromkeys(range(3), len(numbers) // 3)
    # .95, .93, .91.
    row = "| Accuracy | Random | MSP | 0.9300 ± 0.0200 [0."
    assert row in (tmp_path / "tables/digits-vgg19-intervals.md").read_text("utf-8")
    report = (tmp_path / "report.md").read_text("utf-8")
    assert "Every network was trained 3 times" in report
    assert "Verdicts here rest on 3 trainings of each network." in report
    for figure, words in (("accuracy-over-metrics", "means of 3"), ("reliability", "first of 3")):
        text = (tmp_path / f"figures/digits-vgg19-{figure}.svg").read_text("utf-8")
        assert f"{words} trainings" in text


def test_drawing_again_changes_no_byte(tmp_path: Path) -> None:
    combinations = study(tmp_path / "scores")
    first = {path: path.read_bytes() for path in plot(combinations, tmp_path / "out", dpi=40)}
    again = plot(combinations, tmp_path / "out", dpi=40)
    assert first == {path: path.read_bytes() for path in again}


def test_tables_with_nothing_to_say_are_left_out(tmp_path: Path) -> None:
    combinations = [
        c for c in study(tmp_path, intervals=False) if c.combination.uncertainty == "msp"
    ]
    names = {path.stem for path in plot(combinations, tmp_path / "out", formats=["svg"])}
    assert "digits-vgg19-ause" in names
    assert not names & {f"digits-vgg19-{k}" for k in ("intervals", "definitions", "members")}


def test_one_network_alone_can_be_drawn(tmp_path: Path) -> None:
    combinations = study(tmp_path)[:1]
    assert plot(combinations, tmp_path / "out", formats=["png"], dpi=40)


def test_examples_are_the_unpruned_and_the_sparsest_of_l1(tmp_path: Path) -> None:
    plot(study(tmp_path), tmp_path / "out", formats=["svg"])
    figure = tmp_path / "out" / "figures" / "digits-vgg19-sparsification.svg"
    text = figure.read_text(encoding="utf-8")
    assert "L1, sparsity 0.8" in text
    assert "Unpruned" in text
    assert "Random" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["ause", "auce"]}, "unknown metric 'auce' to draw; known: accuracy, ause"),
        ({"formats": ["gif"]}, "unknown figure format 'gif'; known: svg, png, pdf"),
    ],
)
def test_misspelt_options_are_named(
    tmp_path: Path, change: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(PipelineError, match=message):
        plot(study(tmp_path), tmp_path / "out", **change)  # type: ignore[arg-type]


def test_nothing_scored_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no combination is scored"):
        plot([], tmp_path)


def test_drawing_needs_neither_torch_nor_pyplot() -> None:
    code = (
        "import sys, pipeline.stages.plot; print({'torch', 'matplotlib.pyplot'} & {*sys.modules})"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert printed.stdout == "set()\n"


def test_numbers_that_follow_from_other_copies_are_marked(tmp_path: Path) -> None:
    combinations = study(tmp_path / "scores")
    plain = tmp_path / "plain"
    plot(combinations, plain, formats=["png"], dpi=20)
    marked = [replace(combinations[0], other_copies=("a/train~1", "a/infer~2")), *combinations[1:]]
    plot(marked, tmp_path / "marked", formats=["png"], dpi=20)
    before, after = (pd.read_csv(tmp_path / name / "results.csv") for name in ("plain", "marked"))
    assert list(after) == [*before, "other_copies"]
    pd.testing.assert_frame_equal(after.drop(columns="other_copies"), before)
    first = (after["pruner"] == "none") | after["pruner"].isna()
    first &= after["uncertainty"] == "msp"
    assert set(after["other_copies"][first]) == {"a/train~1 a/infer~2"}
    assert after["other_copies"][~first].isna().all()
    report = (tmp_path / "marked" / "report.md").read_text()
    assert f"**1 of {len(combinations)} combinations were made from other copies**" in report
    assert "- `a/infer~2`\n- `a/train~1`\n" in report
    assert "other copies" not in (plain / "report.md").read_text()
