"""What a study is made of, how far its findings hold, and what its numbers cannot say."""

from collections.abc import Iterator, Sequence

import pandas as pd

from pipeline.report.comparisons import Family
from pipeline.report.measured import TRAININGS
from pipeline.report.names import UNPRUNED, display
from pipeline.report.phrases import counted, listed
from pipeline.report.view import PARTS, View

# Of fewer errors the interval of a ranking is approximate (`metrics.few_errors`).
FEW_ERRORS = 50


def summary(view: View) -> str:
    """What the study is made of, in one sentence."""
    rows = view.rows[view.rows["default"]]
    networks = rows[list(PARTS)].drop_duplicates()
    pruners = [name for name in rows["pruner"].unique() if name != UNPRUNED]
    sparsities = sorted(rows.loc[rows["pruner"] != UNPRUNED, "sparsity"].unique())
    cells = rows[["dataset", "architecture", "pruner", "sparsity", "uncertainty"]]
    names = listed(_of_columns(networks))
    methods = listed([display(name, "uncertainty") for name in rows["uncertainty"].unique()])
    if pruners:
        pruned = (
            f"pruned by {listed([display(name, 'pruner') for name in pruners])} to "
            f"{'sparsity' if len(sparsities) == 1 else 'sparsities'} "
            f"{listed([f'{each:g}' for each in sparsities])}"
        )
    else:
        pruned = "not pruned"
    count = len(cells.drop_duplicates())
    images = sorted(int(each) for each in rows["images"].unique())
    shown = f"{images[0]:,}" if len(images) == 1 else f"{images[0]:,} to {images[-1]:,}"
    return (
        f"{names}, {pruned}; uncertainty by {methods}. That makes {counted(count, 'combination')}, "
        f"judged on {shown} test images, from {counted(_trainings(view), 'training')} of each "
        "network."
    )


def caution(view: View) -> str:
    """What holds of all findings."""
    if _trainings(view) == 1:
        return (
            "Each network was trained once: what is found here holds for these trained networks, "
            "and another training may come out differently."
        )
    return "Intervals hold the variance of the trainings and that of the test images."


def limits(view: View, families: Sequence[Family]) -> Iterator[str]:
    """What the numbers cannot say."""
    trainings = _trainings(view)
    if trainings == 1:
        yield (
            "How far another training would land. Every interval and p-value here is over test "
            "images: a difference is one between these trained networks, not yet between methods."
        )
    else:
        yield (
            f"More of trainings than {trainings} of each network tell: the intervals of "
            "differences hold both their variance and that of the test images."
        )
    untested = sum(len(each.comparisons) - each.tested for each in families)
    total = sum(len(each.comparisons) for each in families)
    if untested:
        yield (
            f"Whether {untested} of {counted(total, 'comparison')} are more than chance: there are "
            "no resamples of the images, or too few errors to resample."
        )
    rows = view.rows[view.rows["default"] & (view.rows["metric"] == "accuracy")]
    rows = rows.dropna(subset="value")
    errors = ((1 - rows["value"]) * rows["images"]).round()
    few = int((errors < FEW_ERRORS).sum())
    if few:
        yield (
            f"Much about how errors are ranked where there are few: {few} of "
            f"{counted(len(rows), 'combination')} make fewer than {FEW_ERRORS} errors, the fewest "
            f"{int(errors.min())}. Their intervals of a ranking are wide, and approximate."
        )
    yield (
        "That something has no effect. What is called undecided may be a difference that this many "
        "test images and trainings do not show."
    )
    yield "Anything about other networks, data sets, recipes or test images than those named above."


def _of_columns(networks: pd.DataFrame) -> list[str]:
    return [
        f"{display(architecture, 'architecture')} on {display(dataset, 'dataset')}"
        for dataset, architecture in networks.itertuples(index=False, name=None)
    ]


def _trainings(view: View) -> int:
    return int(view.frame[TRAININGS].nunique()) if TRAININGS in view.frame else 1
