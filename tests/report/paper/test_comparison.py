"""A study's own values beside the paper's."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import STUDY, scores, study

from pipeline.report.page import write as plot
from pipeline.report.paper import beside, comparison
from pipeline.report.paper.page import write as draw_published
from pipeline.report.results import Scores


def test_own_and_printed_values_side_by_side() -> None:
    frame = study([*STUDY, ("mine", 0.4, 0.5, 0.5)], 0.01, dataset="cifar100")
    both = beside.beside_published(frame)
    # The paper has the unpruned network and two pruners at both sparsities, but no pruner "mine".
    assert len(both) == 5 * 3
    row = both[(both["pruner"] == "l1") & (both["sparsity"] == 0.4) & (both["metric"] == "ause")]
    assert row["published"].item() == pytest.approx(0.0372)
    assert row["difference"].item() == pytest.approx(0.06 - 0.0372)
    assert row["published_parameters"].item() == pytest.approx(4.05e6)
    table = comparison.value_table(both)
    assert table.name == "cifar100-resnet18-published"
    # Table 2: 74.53 / .372 (× 10); Table 4: .959 (× 10).
    assert table.rows[1] == [
        "L1", "MSP", "0.4",
        "0.8500 [0.8400, 0.8600]", "0.7453 (+0.1047)*",
        "0.0600 [0.0500, 0.0700]", "0.0372 (+0.0228)*",
        "0.1000 [0.0900, 0.1100]", "0.0959 (+0.0041)",
    ]  # fmt: skip
    assert "1.00 million parameters here, 11.17 million in the paper" in table.caption
    # Accuracies rank as the paper's (.7797 .7453 .6686 .7373 .6677), but for .70 and .71:
    # 1 - 6 * (1 + 1) / (5 * 24) = .9. AUSEs rank 2 3 4 1 5 and the paper's (.319 .372 .527 .372
    # .555) 1 2.5 4 2.5 5: 8 / sqrt(10 * 9.5) = .82. ECEs are all the same: no correlation.
    # Within a sparsity, ranks are -1/2 and 1/2. Accuracies: the same order at .4, the opposite at
    # .8. AUSEs: at .4 the paper's are equal, at .8 the order is the same: (1/2) / sqrt(1 · 1/2).
    assert comparison.rank_table(both).rows == [
        ["CIFAR-100", "ResNet18", "MSP", "5", "0.90", "0.82", "–", "0.00", "0.71", "–"]
    ]


def test_the_definition_nearest_to_the_papers_is_marked() -> None:
    definitions = {"logit_variance": (0.21, 0.14), "probability_variance": (0.06, 0.10)}
    frame = pd.concat([
        study([("none", 0.0, 0.8134, ause)], dataset="cifar100", uncertainty="ensemble").assign(
            definition=name, default=name == "logit_variance", samples=5
        )
        for name, (ause, _) in definitions.items()
    ], ignore_index=True)  # fmt: skip
    for name, (_, ece) in definitions.items():
        frame.loc[(frame["definition"] == name) & (frame["metric"] == "ece"), "value"] = ece
    both = beside.beside_published_definitions(frame)
    # Table 2: 81.34 %, 1.898; Table 4: 1.199. At .8134 chance is -.8134 ln .8134 = .167993.
    table = comparison.definition_table(both)
    assert [row[:3] for row in table.rows] == 3 * [["CIFAR-100", "ResNet18", "Deep ensemble"]]
    assert [row[3:] for row in table.rows] == [
        ["the paper's", "0.8134", "0.1898", "1.1298", "0.1199"],
        ["variance of the logits", "0.8134", "0.2100 (nearer)", "1.2500 (nearer)", "0.1400"],
        ["variance of the probabilities", "0.8134", "0.0600", "0.3572", "0.1000 (nearer)"],
    ]
    assert "published-definitions" in [each.name for each in comparison.tables(frame)]
    # Nothing is open of a method that has one definition, or of a network that the paper lacks.
    assert beside.beside_published_definitions(frame[frame["default"]]).empty
    assert beside.beside_published_definitions(frame.assign(dataset="digits")).empty


@pytest.mark.parametrize(
    ("dataset", "names"),
    [("digits", ["claims"]), ("cifar100", ["claims", "ranks", "cifar100-resnet18-published"])],
)
def test_the_page_has_what_there_is(dataset: str, names: list[str]) -> None:
    found = comparison.tables(study(STUDY, dataset=dataset))
    assert [table.name for table in found] == names
    page = comparison.report(found)
    assert all(table.markdown() in page for table in found)
    assert comparison.tables(study(STUDY[:1])) == []


def scored(folder: Path, dataset: str, pruner: str, sparsity: float) -> Scores:
    """A combination with its files."""
    here = folder / f"{dataset}-{pruner}-{sparsity}"
    here.mkdir()
    numbers = {"accuracy": 0.8 - sparsity / 2, "ause": 0.03 + sparsity / 10, "ece": 0.05}
    numbers |= {"random_level": 0.2, "ause_over_random": 0.2}
    content = {
        "samples": 1,
        "images": 100,
        "models": [{"parameters": 1000, "macs": 1000}],
        "default": "msp",
        "definitions": {"msp": {name: {"value": value} for name, value in numbers.items()}},
    }
    (here / "scores.json").write_text(json.dumps(content))
    curves = {"predicted": np.linspace(0.3, 0, 51), "oracle": np.linspace(0.2, 0, 51)}
    curves["reliability"] = np.array([[0.5, 0.6, 100]])
    np.savez(here / "curves.npz", **{f"msp/{name}": curve for name, curve in curves.items()})
    axes = {"dataset": dataset, "architecture": "resnet18", "pruner": pruner}
    return scores(here, **axes, sparsity=sparsity, uncertainty="msp")


def test_a_study_is_drawn_beside_the_paper_where_that_has_it(tmp_path: Path) -> None:
    drawn = {}
    for dataset in ("digits", "cifar100"):
        networks = [("none", 0.0), ("l1", 0.4), ("l1", 0.8)]
        combinations = [scored(tmp_path, dataset, *network) for network in networks]
        written = plot(combinations, tmp_path / dataset, formats=["svg"])
        drawn[dataset] = {path.name for path in written if path.stem == "comparison"}
        assert "## The paper's claims" in (tmp_path / dataset / "report.md").read_text("utf-8")
    assert drawn == {"digits": set(), "cifar100": {"comparison.md", "comparison.csv"}}
    page = (tmp_path / "cifar100" / "comparison.md").read_text("utf-8")
    # The unpruned ResNet18's MSP in the paper: 77.97 % and .319.
    assert "| Unpruned | MSP | 0 | 0.8000 | 0.7797 (+0.0203) | 0.0300 | 0.0319 (-0.0019) |" in page
    numbers = pd.read_csv(tmp_path / "cifar100" / "comparison.csv", keep_default_na=False)
    assert numbers["pruner"].tolist() == ["none"] * 3 + ["l1"] * 6


def test_the_papers_own_tables_and_figures(tmp_path: Path) -> None:
    page, *written = draw_published(tmp_path, formats=["svg"])
    networks = ["cifar100-resnet18", "cifar100-vgg19", "imagenet-resnet18"]
    # Figures 6 and 7, and 2 to 4; what follows from its tables without curves is added.
    assert {path.stem for path in written if path.parent.name == "figures"} == {
        "cifar100-over-sparsity",
        "imagenet-over-sparsity",
        "cifar100-over-parameters",
        *(f"{network}-pruners-alike" for network in networks),
        *(f"{network}-accuracy-over-metrics" for network in networks),
    }
    drawn = tmp_path / "figures" / "cifar100-resnet18-accuracy-over-metrics.svg"
    text = drawn.read_text(encoding="utf-8")
    for name, panel in product(("Random", "L1", "BN", "HRank", "ResRep"), ("MSP", "MC dropout")):
        assert name in text
        assert panel in text
    # Tables 1, and 2 to 7; how the AUSE stands to chance is added.
    assert {path.stem for path in written if path.parent.name == "tables"} == {
        "sizes",
        *(
            f"{network}-{kind}"
            for network in networks
            for kind in ("ause", "ece", "ause-over-random")
        ),
    }
    shown = page.read_text(encoding="utf-8")
    # A row of Table 2, one of Table 5, and one of Table 1.
    assert (
        "| L1 | MSP | 77.97/0.319 | 76.53/0.342 | 74.53/0.372 | 71.52/0.439 | 66.86/0.527 |"
        in shown
    )
    assert "|  | Deep ensemble | 78.46/1.487 | 77.34/1.509 | 76.23/1.343 | 73.32/1.593 |" in shown
    assert "|  |  | ResRep | 20.04 | 12.41 | 7.35 | 3.78 | 3.36 |" in shown
    assert all(
        f"({path.relative_to(tmp_path)})" in shown for path in written if "figures" in str(path)
    )
