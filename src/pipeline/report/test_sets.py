"""The numbers of a study's other test sets, for the tables and figures that show them.

>>> series(view), others(view), outside(view)

Everything else shows the data set's own test images alone.
"""

from dataclasses import dataclass

import pandas as pd

from pipeline.metrics.detection import AUROC, FPR95
from pipeline.registry import TEST_SETS
from pipeline.report import results
from pipeline.report.view import View
from pipeline.study import REPEATS

OWN = REPEATS["test_set"]
# Beside the accuracy and what a study shows: calibration before and after temperature scaling.
CALIBRATION = ("ece_probability", "ece_scaled")


@dataclass(frozen=True)
class About:
    """What a test set is: its role, and of a corruption the kind and the severity."""

    role: str
    kind: str = ""
    severity: int = 0


def about(view: View) -> dict[str, About]:
    """What each of the study's other test sets is, by its name."""
    return view.once("about test sets", _about)


def _about(study: View) -> dict[str, About]:
    found: dict[str, About] = {}
    for each in study.scores:
        name, predictions = each.combination.test_set, each.combination.score.predictions
        if name == OWN or name in found or not predictions:
            continue
        spec = predictions[0].images
        options = dict(spec.options)
        kind, severity = options.get("kind", ""), options.get("severity", 0)
        if kind and spec.dataset != "corruption":
            kind = f"{kind} {TEST_SETS.label(spec.dataset)}"
        found[name] = About(spec.role, kind, severity)
    return found


def metrics(view: View) -> list[str]:
    """The metrics that tables and figures of shifted images show."""
    known = view.once("all metrics", lambda study: set(study.everything["metric"]))
    shown = ["accuracy", *view.metrics, *CALIBRATION]
    return [metric for metric in dict.fromkeys(shown) if metric in known]


def series(view: View) -> pd.DataFrame:
    """The points of this part over the severity, by the default definition.

    The columns are those of `results.shown` and ``kind`` and ``severity``; the data set's own
    images are of severity 0 of each kind.
    """
    known = about(view)
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name, each in known.items():
        if each.role == "shift" and each.kind and each.severity:
            kinds.setdefault(each.kind, [(0, OWN)]).append((each.severity, name))
    found = [
        points(view, name).assign(kind=kind, severity=severity)
        for kind, sets in kinds.items()
        for severity, name in sorted(sets)
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def others(view: View) -> pd.DataFrame:
    """The points of test sets that have labels and no severity, and of the data set's own.

    The columns are those of `results.shown` and ``test_set``.
    """
    names = [
        name
        for name, each in about(view).items()
        if each.role == "validation" or (each.role == "shift" and not each.severity)
    ]
    found = [points(view, name).assign(test_set=name) for name in ([OWN, *names] if names else [])]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def outside(view: View) -> pd.DataFrame:
    """AUROC and FPR95 of each set of images of another data set, by every definition.

    One row for each combination and definition, with the columns ``ood_auroc`` and ``ood_fpr95``
    and their bounds; the unpruned network has a row for each pruner.
    """
    return view.mine("outside", _outside)


def _outside(study: View) -> pd.DataFrame:
    names = [name for name, each in about(study).items() if each.role == "ood"]
    found = []
    for name in names:
        rows = _of(study, name)
        for definition in rows["definition"].unique():
            here = rows[rows["definition"] == definition]
            default = bool(here["default"].any())
            shown = results.shown(here.assign(default=True))
            found.append(shown.assign(test_set=name, default=default))
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    for metric in (AUROC, FPR95):
        for bound in ("_low", "_high"):
            if metric + bound in table:
                # Of means over few trainings, bounds can lie beyond what a share can be.
                table[metric + bound] = table[metric + bound].clip(0, 1)
    return table


def points(view: View, name: str) -> pd.DataFrame:
    """`results.shown` of one test set, of this part."""

    def shown(study: View) -> pd.DataFrame:
        rows = _of(study, name)
        return results.shown(rows) if len(rows) else pd.DataFrame()

    return view.mine(("test set", name), shown)


def _of(study: View, name: str) -> pd.DataFrame:
    """The rows of one test set, under the name that `results.shown` takes."""
    rows = study.everything_averaged
    return rows[rows["test_set"] == name].assign(test_set=OWN)
