"""How the findings put comparisons into words; see `findings`."""

from collections.abc import Sequence

import numpy as np

from pipeline.metrics import catalogue
from pipeline.report.measured import Comparison
from pipeline.report.names import display

# Up to so many are named one by one.
FEW = 8

# What a reader who does not know the metric needs to know of it.
GLOSSES = {"ause": "ranking error", "ece": "calibration error"}


def bare(metric: str) -> str:
    """What a sentence calls a metric: ``ranking error (AUSE)``."""
    name = "accuracy" if metric == "accuracy" else display(metric, "metric")
    gloss = GLOSSES.get(metric)
    return f"{gloss} ({name})" if gloss else name


def the(metric: str) -> str:
    """A metric with its article."""
    return f"the {bare(metric)}"


def amount(metric: str, value: float) -> str:
    """The size of a difference with its unit."""
    return f"{100 * abs(value):.1f} points" if metric == "accuracy" else f"{abs(value):.4f}"


def counted(count: int, noun: str) -> str:
    """``1 pair`` or ``1,000 pairs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, or ``a, b and c``; of many names the first few and a number."""
    if len(names) > FEW:
        names = [*names[: FEW // 2], f"{len(names) - FEW // 2} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def probability(p: float) -> str:
    """A p-value within a sentence."""
    if np.isnan(p):
        return "not tested"
    return "p < .001" if p < 0.001 else "p = " + f"{p:.3f}".removeprefix("0")


def judged(metric: str, sign: int) -> str:
    """Whether a rise, or a fall, is for the better."""
    known = catalogue.find(metric)
    return "better" if (sign > 0) == bool(known and known.higher_is_better) else "worse"


def single(one: Comparison) -> str:
    """What a single comparison shows, after its subject."""
    sign, name, size = one.effect.sign, the(one.metric), amount(one.metric, one.effect.value)
    way = "lower" if one.effect.value < 0 else "higher"
    if sign:
        return f"{name} is {size} {way}, which is {judged(one.metric, sign)}."
    if np.isnan(one.effect.p):
        return f"{name} is {size} {way}; whether by chance was not tested."
    return f"{name} is {size} {way}, which may be chance."


def tally(found: Sequence[Comparison]) -> str:
    """``lower (worse) in 5 of 6 cases, by 1.2 to 8.7 points, and undecided in 1``."""
    parts = []
    for sign, way in ((1, "higher"), (-1, "lower")):
        sizes = sorted(abs(each.effect.value) for each in found if each.effect.sign == sign)
        if sizes:
            metric = found[0].metric
            least, most = amount(metric, sizes[0]), amount(metric, sizes[-1])
            by = f"by {most}" if least == most else f"by {least.removesuffix(' points')} to {most}"
            parts.append(f"{way} ({judged(metric, sign)}) in {len(sizes)} {{}}, {by}")
    untested = sum(np.isnan(each.effect.p) for each in found)
    undecided = sum(not each.effect.sign for each in found) - untested
    parts += [f"undecided in {undecided} {{}}"] if undecided else []
    parts += [f"untested in {untested} {{}}"] if untested else []
    # How many there are is said once.
    total = f"of {counted(len(found), 'case')}"
    texts = [part.format(total if i == 0 else "").replace(" ,", ",").strip()
             for i, part in enumerate(parts)]  # fmt: skip
    return "; ".join(texts)


def still_open(found: Sequence[Comparison]) -> str:
    """``8 are undecided and 2 untested``."""
    untested = sum(np.isnan(each.effect.p) for each in found)
    undecided = len(found) - untested
    parts = [f"{undecided} undecided"] if undecided else []
    parts += [f"{untested} untested"] if untested else []
    return listed(parts)


def extremes(found: Sequence[Comparison]) -> list[Comparison]:
    """The largest effect, and the smallest, of those that are more than chance or of all."""
    known = [each for each in found if each.effect.sign] or list(found)
    ordered = sorted(known, key=lambda each: -abs(each.effect.value))
    return ordered if len(found) <= 2 else [ordered[0], *ordered[1:][-1:]]


def lead(one: Comparison) -> str:
    """``L1 before Random by 8.2 points on VGG19, Digits``: the better one first."""
    known = catalogue.find(one.metric)
    higher = bool(known and known.higher_is_better)
    first, second = one.first, one.second
    if (one.effect.value > 0) != higher:
        first, second = second, first
    size = amount(one.metric, one.effect.value)
    names = f"{display(first, one.axis)} before {display(second, one.axis)}"
    return f"{names} by {size} on {place_of(one)}"


def place_of(one: Comparison) -> str:
    """Which network, and where it differs which uncertainty method."""
    names = {key: display(str(name), key) for key, name in one.where.items()}
    method = f" with {names['uncertainty']}" if "uncertainty" in names else ""
    return f"{names['architecture']}, {names['dataset']}{method}"


def evidence(one: Comparison) -> str:
    """A comparison with all that says how sure it is."""
    scale, unit, places = (100, " points", 1) if one.metric == "accuracy" else (1, "", 4)
    low, value, high = (
        f"{scale * each:+.{places}f}".replace("-", "−")
        for each in (one.effect.low, one.effect.value, one.effect.high)
    )
    first, second = (
        ("unpruned" if side == 0 else f"sparsity {side:g}")
        if one.axis == "sparsity"
        else display(side, one.axis)
        for side in (one.first, one.second)
    )
    sure = "no interval" if np.isnan(one.effect.low) else f"95 % interval {low} to {high}"
    trained = counted(one.effect.trainings, "training")
    tested = probability(one.effect.adjusted)
    tested += "" if np.isnan(one.effect.adjusted) else " by Holm"
    return (
        f"{place_of(one)}: {display(one.compared, 'metric')}, {first} less {second}: "
        f"{value}{unit} ({sure}; {tested}; {trained} each)"
    )
