"""The paper's claims, counted: on small made-up studies, and on the paper's own tables."""

import numpy as np
import pandas as pd
import pytest
from made_up import STUDY, Network, names, study

from pipeline.errors import PipelineError
from pipeline.metrics import Evaluation, bootstrap
from pipeline.report.paper.beside import as_a_study
from pipeline.report.paper.claims import CLAIMS, FALLS, RISES, STAYS, STEP, Claim
from pipeline.report.paper.comparison import judge_paper
from pipeline.report.paper.estimate import Estimate
from pipeline.report.paper.printed import published
from pipeline.report.paper.verdicts import Count, Judgement, judge
from pipeline.report.results import Resamples


def counts(
    frame: pd.DataFrame,
    between: str,
    where: str,
    expected: dict[str, str],
    resamples: Resamples | None = None,
) -> list[tuple[int, int, int]]:
    claim = Claim("1", "a claim", between, (where,), expected)
    found = judge(frame, resamples, [claim])[0].counts.values()
    return [(each.pairs, each.agree, each.against) for each in found]


def resampled(
    networks: list[Network], ause: list[np.ndarray], uncertainty: str = "msp"
) -> Resamples:
    """Resamples of the AUSE, one array for each network."""
    return {
        names("digits", "resnet18", pruner, sparsity, uncertainty): {"ause": each}
        for (pruner, sparsity, _, _), each in zip(networks, ause, strict=True)
    }


def test_steps_of_sparsity_begin_at_the_unpruned_network_for_every_pruner() -> None:
    # l1: .90 .85 .70 and .05 .06 .09; random: .90 .84 .71 and .05 .04 .10.
    found = counts(study(STUDY), "sparsity", STEP, {"accuracy": FALLS, "ause": RISES})
    assert found == [(4, 4, 0), (4, 3, 1)]
    found = counts(study(STUDY), "sparsity", "step_a == 0 and step_b > 0", {"ause": RISES})
    assert found == [(4, 3, 1)]


def test_pruned_networks_alone_cannot_be_judged() -> None:
    pruned = study([network for network in STUDY if network[1] > 0])
    with pytest.raises(PipelineError, match="no unpruned network of digits resnet18 msp"):
        judge(pruned)


def test_a_pair_whose_difference_may_be_nothing_is_open() -> None:
    # On 100 resamples the difference is -.02, ..., .07 or .02, ..., .11: its 2.5 % quantile is
    # below 0 or above.
    ramp = np.linspace(0, 0.09, 100)
    for start, found in ((-0.02, (1, 0, 0)), (0.02, (1, 1, 0))):
        difference = start + ramp
        networks: list[Network] = [
            ("none", 0.0, 0.9, 0.2),
            ("l1", 0.4, 0.9, 0.2 + difference.mean()),
        ]
        draws = resampled(networks, [np.full(100, 0.2), 0.2 + difference])
        assert counts(study(networks), "sparsity", STEP, {"ause": RISES}, draws) == [found]
        opposite = (found[0], found[2], found[1])
        assert counts(study(networks), "sparsity", STEP, {"ause": FALLS}, draws) == [opposite]
        # Without resamples every difference counts.
        assert counts(study(networks), "sparsity", STEP, {"ause": RISES}) == [(1, 1, 0)]


def test_the_comparison_is_paired() -> None:
    # Both scatter by far more than they differ, but together: the second is always higher.
    scatter = np.random.default_rng(0).normal(0, 0.05, 200)
    networks: list[Network] = [("none", 0.0, 0.9, 0.20), ("l1", 0.4, 0.9, 0.21)]
    together = resampled(networks, [0.20 + scatter, 0.21 + scatter])
    assert counts(study(networks), "sparsity", STEP, {"ause": RISES}, together) == [(1, 1, 0)]
    apart = resampled(networks, [0.20 + scatter, 0.21 + scatter[::-1]])
    assert counts(study(networks), "sparsity", STEP, {"ause": RISES}, apart) == [(1, 0, 0)]


@pytest.mark.parametrize(("others", "decided"), [(12, 1), (6, 1), (5, 0), (4, 0)])
def test_a_pair_that_is_known_to_differ_agrees_with_mcnemar(others: int, decided: int) -> None:
    """Two networks of 300 images, one of which makes the other's errors and some more.

    Their accuracies have intervals of ±4.5 %, which overlap; McNemar's test of 12 against 0 has
    p = .0005, of 6 .03, of 5 .06. Percentiles of the resamples would decide all of these.
    """
    wrong = np.arange(300) < 60
    more = np.arange(300) < 60 + others
    labels = np.zeros(300, int)
    draws: Resamples = {}
    rows: list[Network] = []
    for pruner, sparsity, errors in (("none", 0.0, wrong), ("l1", 0.4, more)):
        p = np.where(errors[:, None], [0.3, 0.7], [0.7, 0.3])
        found = bootstrap(Evaluation.of(p, labels), resamples=400, seed=1)
        draws[names("digits", "resnet18", pruner, sparsity, "msp")] = {
            "accuracy": found["accuracy"]
        }
        rows.append((pruner, sparsity, 1 - errors.mean(), 0.1))
    unpruned, pruned = (each["accuracy"] for each in draws.values())
    assert np.quantile(pruned, 0.975) > np.quantile(unpruned, 0.025)  # the intervals overlap
    frame = study(rows).assign(images=300)
    assert counts(frame, "sparsity", STEP, {"accuracy": FALLS}, draws) == [(1, decided, 0)]


def test_every_pruners_unpruned_network_has_its_resamples() -> None:
    networks: list[Network] = [
        ("none", 0.0, 0.9, 0.2), ("l1", 0.4, 0.9, 0.25), ("random", 0.4, 0.9, 0.25),
    ]  # fmt: skip
    scatter = np.random.default_rng(0).normal(0, 0.5, 200)
    draws = resampled(networks, [0.2 + scatter, 0.25 + scatter, 0.25 - scatter])
    assert counts(study(networks), "sparsity", STEP, {"ause": RISES}, draws) == [(2, 1, 0)]
    # The change of the first is .05 on each resample, that of the other scatters.
    where = "sparsity > 0 and pruner_a < pruner_b"
    assert counts(study(networks), "pruner", where, {"ause_change": RISES}, draws) == [(1, 0, 0)]


def test_alike_is_less_than_pruning_changed_both_on_average() -> None:
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


def test_signs_are_those_of_95_percent_intervals() -> None:
    # Of -2, -1, ..., 97 the quantiles are .025 · 99 - 2 = .475 and .975 · 99 - 2 = 94.525.
    steps = np.arange(-2.0, 98.0)
    draws = np.stack([steps, steps - 1, steps - 94, steps - 95])
    found = Estimate(np.zeros((4, 1)), draws[:, None])
    assert found.sign.tolist() == [1, 0, 0, -1]
    assert (found - found).sign.tolist() == [0, 0, 0, 0]
    assert abs(found).sign.tolist() == [1, 1, 1, 1]
    assert found[np.array([3, 0])].sign.tolist() == [-1, 1]


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
    return judge_paper()


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
        "supported": 34,
        "mixed": 15,
        "contradicted": 2,
    }
    assert found["contradicted"] == [
        "The same, if changes are counted as shares of the unpruned network's AUSE",
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
        # Table 5: from .2 to .8 MSP's lie 1.106, 1.158, .987 and .967 apart, ResRep's .137; the
        # ensembles' 1.076, 1.038, 1.486, 1.195 and .257; MC dropout's 1.171, 1.043, .958, .995 and
        # .183.
        ("VGG19: ResRep's ECE is more constant over the sparsities than the others'", "12 of 12"),
        # Table 1: 12.41 < 12.86, then 7.35, 3.78, 3.36 > 7.26, 3.22, .82; for each of four pruners.
        ("VGG19: ResRep leaves more parameters than the others", "12 of 16"),
    ],
)
def test_counts_in_the_papers_tables_are_as_by_hand(
    text: str, expected: str, paper: list[Judgement]
) -> None:
    assert next(each.evidence for each in paper if each.claim.text == text) == expected


def test_the_papers_column_has_the_steps_of_the_study() -> None:
    printed = as_a_study(published())
    grid = printed[(printed["dataset"] == "cifar100") & printed["sparsity"].isin([0.0, 0.4, 0.8])]
    found = {each.claim.text: each for each in judge_paper(grid.assign(dataset="digits"))}
    # Table 4, from .4 to .8: 1.039 to .949, .959 to 1.007, .952 to .992, .924 to .906, 1.626 to
    # .727; from .6 on all five fall.
    last = "ResNet18, MSP: the last step, to sparsity 0.8, improves the ECE"
    assert found[last].evidence == "3 of 5"
    # No pair of the paper's is on ImageNet, and none has this sparsity.
    assert {each.verdict for text, each in found.items() if text.startswith("ImageNet")} == {
        "not testable here"
    }
    none = judge_paper(grid.assign(architecture="mine"))
    assert {each.verdict for each in none} == {"not testable here"}


def test_the_ece_goes_with_the_accuracies_of_its_own_tables() -> None:
    # Table 7 has 27.40 % for MC dropout with random pruning at .6, Table 6 27.52 %.
    claim = next(each for each in CLAIMS if each.text.startswith("Of two pruners"))
    both = [as_a_study(published(beside)) for beside in ("ause", "ece")]
    apart = [judge(frame, claims=[claim])[0].counts for frame in both]
    together = judge(both[0], claims=[claim], ece_frame=both[1])[0].counts
    assert together == {"ause": apart[0]["ause"], "ece": apart[1]["ece"]}
    assert apart[0]["ece"] != apart[1]["ece"]


def test_alike_does_not_depend_on_which_name_comes_first() -> None:
    # Pruning changes a's AUSE by .0001 and b's by .01: on average by .00505, and they differ by
    # .0099; c has .02, so that the three differ from a by less than .01003 on average, or by more.
    networks: list[Network] = [("none", 0.0, 0.9, 0.05), ("l1", 0.4, 0.8, 0.0501)]
    other: Network = ("random", 0.4, 0.8, 0.06)
    where = "sparsity > 0 and pruner_a < pruner_b"
    pair = counts(study([*networks, other]), "pruner", where, {"ause": STAYS})
    swapped = [networks[0], ("random", *networks[1][1:]), ("l1", *other[1:])]
    assert pair == counts(study(swapped), "pruner", where, {"ause": STAYS}) == [(1, 0, 1)]
    more = [*networks, other, ("resrep", 0.4, 0.8, 0.07)]
    # The mean change is (.0001 + .01 + .02) / 3 = .01003; .0099 and .01 are less, .0199 is more.
    assert counts(study(more), "pruner", where, {"ause": STAYS}) == [(3, 2, 1)]


def test_of_two_eces_the_debiased_ones_are_compared() -> None:
    rows = study([("none", 0.0, 0.9, 0.05), ("l1", 0.4, 0.8, 0.05)])
    clipped = rows[rows["metric"] == "ece"].assign(metric="ece_clipped", value=0.0)
    frame = pd.concat([rows, clipped], ignore_index=True)
    scatter = np.random.default_rng(0).normal(0, 0.01, 500)
    both = [
        names("digits", "resnet18", "none", 0.0, "msp"),
        names("digits", "resnet18", "l1", 0.4, "msp"),
    ]

    def asked(own: float) -> list[tuple[int, int, int]]:
        draws: Resamples = {
            name: {
                "ece_clipped": value + 0.005 + sign * scatter,
                "own/ece_clipped": np.array(value),
            }
            for name, value, sign in zip(both, (0.0, own), (-1, 1), strict=True)
        }
        return counts(frame, "sparsity", STEP, {"ece": RISES}, draws)

    # The difference scatters by .02, and no shift remains of it: .03 may be nothing, .05 is not.
    assert asked(0.03) == [(1, 0, 0)]
    assert asked(0.05) == [(1, 1, 0)]


def replicated(values: list[tuple[float, float]]) -> pd.DataFrame:
    """An unpruned and a pruned network, with an AUSE for each replicate."""
    return pd.concat([
        study([("none", 0.0, 0.9, one), ("l1", 0.4, 0.9, other)], replicate=number)
        for number, (one, other) in enumerate(values)
    ], ignore_index=True)  # fmt: skip


def replicated_draws(values: list[tuple[float, float]], scatter: list[np.ndarray]) -> Resamples:
    """Resamples that move both networks of a replicate alike, and the pruned one by itself."""
    return {
        names("digits", "resnet18", pruner, sparsity, "msp", replicate=number): {"ause": draws}
        for number, (one, other) in enumerate(values)
        for pruner, sparsity, draws in (
            ("none", 0.0, np.full(200, one)), ("l1", 0.4, other + scatter[number])
        )
    }  # fmt: skip


def test_a_difference_that_replicates_do_not_share_is_open() -> None:
    still = [np.zeros(200)] * 3
    # Each pair differs by far more than its images scatter; of the second three one falls.
    for values, found in (
        ([(0.20, 0.25), (0.30, 0.35), (0.10, 0.151)], (1, 1, 0)),
        ([(0.20, 0.25), (0.30, 0.35), (0.10, 0.08)], (1, 0, 0)),
    ):
        draws = replicated_draws(values, still)
        assert counts(replicated(values), "sparsity", STEP, {"ause": RISES}, draws) == [found]
        opposite = (found[0], found[2], found[1])
        assert counts(replicated(values), "sparsity", STEP, {"ause": FALLS}, draws) == [opposite]


def test_identical_replicates_decide_as_the_images_do() -> None:
    # All replicates see the same images, so three of them say no more than one.
    scatter = np.random.default_rng(0).normal(0, 0.02, 200)
    scatter = 0.02 * (scatter - scatter.mean()) / scatter.std()
    for change, decided in ((0.038, 0), (0.041, 1)):
        values = [(0.2, 0.2 + change)] * 3
        draws = replicated_draws(values, [scatter] * 3)
        found = counts(replicated(values), "sparsity", STEP, {"ause": RISES}, draws)
        assert found == [(1, decided, 0)]


def test_a_pair_is_that_of_a_replicate() -> None:
    # The unpruned networks lie .2 apart, and each pruned one by .01 to .012 above its own.
    values = [(0.1, 0.11), (0.3, 0.311), (0.5, 0.512)]
    assert counts(replicated(values), "sparsity", STEP, {"ause": RISES}) == [(1, 1, 0)]
    crossed = [(0.1, 0.311), (0.3, 0.512), (0.5, 0.11)]
    assert counts(replicated(crossed), "sparsity", STEP, {"ause": RISES}) == [(1, 0, 0)]


def test_claims_about_what_a_study_lacks_are_not_testable() -> None:
    found = by_verdict(judge(study(STUDY)))
    assert {text for text in found["not testable here"] if text.startswith("ImageNet")}
    assert "ResNet18: each step of sparsity worsens accuracy and AUSE" in found["mixed"]
    # The claims about CIFAR-100 aren't asked of ImageNet.
    assert (
        "ResNet18: each step of sparsity worsens accuracy and AUSE"
        in (by_verdict(judge(study(STUDY, dataset="imagenet")))["not testable here"])
    )
