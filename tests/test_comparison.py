"""The paper's claims, counted: on small made-up studies, and on the paper's own tables."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import comparison, results
from pipeline.claims import CLAIMS, FALLS, RISES, STAYS, STEP, Claim
from pipeline.comparison import Count, Estimate, Judgement, as_a_study, judge
from pipeline.stages.plot import draw_published, plot

# pruner, sparsity, accuracy, ause
Network = tuple[str, float, float, float]


def study(
    networks: list[Network],
    half_width: float = 0.0,
    dataset: str = "digits",
    uncertainty: str = "msp",
) -> pd.DataFrame:
    """A tidy frame of a ResNet18 whose intervals reach `half_width` to both sides."""
    rows = [
        {
            "dataset": dataset, "architecture": "resnet18", "pruner": pruner, "sparsity": sparsity,
            "uncertainty": uncertainty, "member": 0, "definition": "msp", "default": True,
            "metric": metric, "value": value, "low": value - half_width,
            "high": value + half_width, "samples": 1, "images": 100, "parameters": 1e6,
            "macs": 1e6,
        }
        for pruner, sparsity, accuracy, ause in networks
        for metric, value in (("accuracy", accuracy), ("ause", ause), ("ece", 0.1))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=results.COLUMNS)


STUDY: list[Network] = [
    ("none", 0.0, 0.90, 0.05),
    ("l1", 0.4, 0.85, 0.06),
    ("l1", 0.8, 0.70, 0.09),
    ("random", 0.4, 0.84, 0.04),
    ("random", 0.8, 0.71, 0.10),
]


def counts(
    frame: pd.DataFrame, between: str, where: str, expected: dict[str, str]
) -> list[tuple[int, int, int]]:
    claim = Claim("1", "a claim", between, (where,), expected)
    found = judge(frame, [claim])[0].counts.values()
    return [(each.pairs, each.agree, each.against) for each in found]


def test_steps_of_sparsity_begin_at_the_unpruned_network_for_every_pruner() -> None:
    # l1: .90 .85 .70 and .05 .06 .09; random: .90 .84 .71 and .05 .04 .10.
    found = counts(study(STUDY), "sparsity", STEP, {"accuracy": FALLS, "ause": RISES})
    assert found == [(4, 4, 0), (4, 3, 1)]
    found = counts(study(STUDY), "sparsity", "step_a == 0 and step_b > 0", {"ause": RISES})
    assert found == [(4, 3, 1)]


def test_a_pair_within_its_interval_is_open() -> None:
    # Two half-widths of .01 make one of .0141 of a difference: .85 -> .90 and so on are beyond it,
    # AUSE .05 -> .06 and .05 -> .04 are not.
    found = counts(study(STUDY, 0.01), "sparsity", STEP, {"accuracy": FALLS, "ause": RISES})
    assert found == [(4, 4, 0), (4, 2, 0)]
    # A difference of .0141 would be decided, .0142 of half-width leave it open.
    near = [("none", 0.0, 0.9, 0.05), ("l1", 0.4, 0.9, 0.0642)]
    assert counts(study(near, 0.01), "sparsity", STEP, {"ause": RISES}) == [(1, 1, 0)]
    assert counts(study(near, 0.0101), "sparsity", STEP, {"ause": RISES}) == [(1, 0, 0)]


def test_alike_is_less_than_pruning_changed_the_first() -> None:
    same_sparsity = "sparsity > 0 and pruner_a < pruner_b"
    # Accuracy: |.84 - .85| < |.85 - .90|, |.71 - .70| < |.70 - .90|.
    # AUSE: |.04 - .06| > |.06 - .05|, |.10 - .09| < |.09 - .05|.
    found = counts(study(STUDY), "pruner", same_sparsity, {"accuracy": STAYS, "ause": STAYS})
    assert found == [(2, 2, 0), (2, 1, 1)]


def test_changes_are_compared_as_differences_and_as_ratios() -> None:
    # AUSE .05 -> .10 by .05, 2 times; .30 -> .36 by .06, 1.2 times.
    frame = pd.concat([
        study([("none", 0.0, 0.9, 0.05), ("l1", 0.4, 0.8, 0.10)]),
        study([("none", 0.0, 0.9, 0.30), ("l1", 0.4, 0.8, 0.36)], uncertainty="ensemble"),
    ], ignore_index=True)  # fmt: skip
    expected = {"ause_change": RISES, "ause_ratio": RISES}
    where = "sparsity > 0 and uncertainty_a == 'msp' and uncertainty_b == 'ensemble'"
    assert counts(frame, "uncertainty", where, expected) == [(1, 1, 0), (1, 0, 1)]


def test_the_interval_of_a_difference() -> None:
    # 3-4-5 triangles, by hand.
    one = Estimate(np.array([10.0]), np.array([7.0]), np.array([14.0]))
    other = Estimate(np.array([2.0]), np.array([-1.0]), np.array([6.0]))
    difference = one - other
    assert (difference.value, difference.low, difference.high) == (8, 3, 13)
    assert [*(other - one).sign, *difference.sign, *other.sign] == [-1, 1, 0]
    size = abs(other)
    assert (size.value, size.low, size.high) == (2, 0, 6)
    size = abs(other - one)
    assert (size.value, size.low, size.high) == (8, 3, 13)


@pytest.mark.parametrize(
    ("count", "verdict"),
    [
        (Count(10, 9, 1), "supported"),
        (Count(10, 8, 2), "mixed"),
        (Count(10, 5, 5), "contradicted"),
        (Count(10, 0, 1), "undecided"),
        (Count(10, 5, 0), "supported"),
        (Count(2, 0, 0), "undecided"),
        (Count(0, 0, 0), "not testable here"),
    ],
)
def test_verdicts(count: Count, verdict: str) -> None:
    assert count.verdict == verdict


def test_a_claim_is_worth_its_worst_metric_that_can_be_tested() -> None:
    claim = CLAIMS[0]
    found = {"accuracy": Count(10, 10, 0), "ause": Count(10, 7, 2), "ece": Count(0, 0, 0)}
    assert Judgement(claim, found).verdict == "mixed"
    assert Judgement(claim, found).evidence == "Accuracy 10 of 10; AUSE 7 of 10, 1 open"
    assert Judgement(claim, {"ece": Count(0, 0, 0)}).verdict == "not testable here"


@pytest.fixture(scope="module")
def paper() -> list[Judgement]:
    """The paper's claims, put to its own tables."""
    return judge(as_a_study(results.published()))


def test_every_claim_can_be_tested_on_the_papers_tables(paper: list[Judgement]) -> None:
    assert len({claim.text for claim in CLAIMS}) == len(CLAIMS)
    for judgement in paper:
        assert all(each.pairs for each in judgement.counts.values()), judgement.claim.text


def by_verdict(judgements: list[Judgement]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for judgement in judgements:
        found.setdefault(judgement.verdict, []).append(judgement.claim.text)
    return found


def test_what_the_papers_own_tables_say_of_its_claims(paper: list[Judgement]) -> None:
    found = by_verdict(paper)
    assert {verdict: len(claims) for verdict, claims in found.items()} == {
        "supported": 27,
        "mixed": 19,
        "contradicted": 3,
    }
    assert found["contradicted"] == [
        "The same, if changes are counted as shares of the unpruned network's AUSE",
        "ImageNet: the AUSE of MC dropout and that of the ensemble are alike",
        "ImageNet, MC dropout, BN: each step of sparsity improves the ECE",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Table 2: down from .2 to .4 and to .6 for HRank's ensembles, at .8 for ResRep's dropout.
        (
            "ResNet18: each step of sparsity worsens accuracy and AUSE",
            "Accuracy 60 of 60; AUSE 57 of 60",
        ),
        # Table 3: unpruned .600; only ResRep's .4 and .6 are above, and HRank's .4 is equal.
        ("VGG19, MSP: pruning up to sparsity 0.6 improves the AUSE", "12 of 15, 1 open"),
        # Table 7: 2.342, 2.852, 8.187.
        ("ImageNet, MC dropout, BN: each step of sparsity improves the ECE", "0 of 2"),
        # Table 4: unpruned .491; the lowest of the others is .683.
        ("ResNet18, MSP: pruning worsens the ECE", "20 of 20"),
        # Table 5: unpruned 1.827; random's 1.842 and all four of ResRep's are above.
        ("VGG19, MSP: pruning improves the ECE", "15 of 20"),
        # Table 1: 12.41 < 12.86, then 7.35, 3.78, 3.36 > 7.26, 3.22, .82; for each of four pruners.
        ("VGG19: ResRep leaves more parameters than the others", "12 of 16"),
    ],
)
def test_counts_in_the_papers_tables_are_as_by_hand(
    text: str, expected: str, paper: list[Judgement]
) -> None:
    assert next(each.evidence for each in paper if each.claim.text == text) == expected


def test_claims_about_what_a_study_lacks_are_not_testable() -> None:
    found = by_verdict(judge(study(STUDY)))
    assert {text for text in found["not testable here"] if text.startswith("ImageNet")}
    assert "ResNet18: each step of sparsity worsens accuracy and AUSE" in found["mixed"]
    # The claims about CIFAR-100 aren't asked of ImageNet.
    assert (
        "ResNet18: each step of sparsity worsens accuracy and AUSE"
        in (by_verdict(judge(study(STUDY, dataset="imagenet")))["not testable here"])
    )


def test_own_and_printed_values_side_by_side() -> None:
    frame = study([*STUDY, ("mine", 0.4, 0.5, 0.5)], 0.01, dataset="cifar100")
    both = comparison.beside_published(frame)
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
    assert comparison.rank_table(both).rows == [
        ["CIFAR-100", "ResNet18", "MSP", "5", "0.90", "0.82", "–"]
    ]


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


def scored(folder: Path, dataset: str, pruner: str, sparsity: float) -> results.Combination:
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
    return results.Combination(
        dataset=dataset, architecture="resnet18", pruner=pruner, sparsity=sparsity,
        uncertainty="msp", scores=here / "scores.json", curves=here / "curves.npz",
    )  # fmt: skip


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


def test_the_papers_figures(tmp_path: Path) -> None:
    written = draw_published(tmp_path, formats=["svg"])
    networks = [("cifar100", "resnet18"), ("cifar100", "vgg19"), ("imagenet", "resnet18")]
    # Figures 6 and 7, and 2 to 4.
    assert {path.stem for path in written} == {
        "cifar100-over-sparsity",
        "imagenet-over-sparsity",
        *("-".join([*network, "accuracy-over-metrics"]) for network in networks),
    }
    drawn = (tmp_path / "cifar100-resnet18-accuracy-over-metrics.svg").read_text(encoding="utf-8")
    for name, panel in product(("Random", "L1", "BN", "HRank", "ResRep"), ("MSP", "MC dropout")):
        assert name in drawn
        assert panel in drawn
