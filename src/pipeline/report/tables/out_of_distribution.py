"""How well each uncertainty tells images of another data set from the test images."""

from collections.abc import Iterator

from pipeline.metrics.detection import AUROC, FPR95
from pipeline.report import test_sets
from pipeline.report.replicates import trainings
from pipeline.report.table import MISSING, Table, by_sparsity, number
from pipeline.report.view import View

EACH = "network"
ORDER = 80

ROWS = ["test_set", "uncertainty", "definition", "pruner"]


def tables(view: View) -> Iterator[Table]:
    """AUROC and FPR95, in per cent, of every definition."""
    found = test_sets.outside(view)
    if found.empty:
        return
    header, rows = by_sparsity(
        found,
        ROWS,
        lambda record: f"{number(100 * record[AUROC], 2)}/{number(100 * record[FPR95], 2)}",
    )
    bounds = [metric + bound for metric in (AUROC, FPR95) for bound in ("", "_low", "_high")]
    yield Table(
        view.stem("out-of-distribution"),
        f"{view.title}: AUROC/FPR95 in per cent of telling images of another data set from the "
        "test images by the uncertainty, at sparsities s. 50 is the AUROC of chance. FPR95 is the "
        "share of the test images that are taken for others where 95 % of the others are found. "
        f"{trainings(view.replicates)}",
        ["Data set", *header[1:]],
        [[cell.replace("–/–", MISSING) for cell in row] for row in rows],
        found[["dataset", "architecture", *ROWS, "sparsity", *bounds]],
        labels=4,
    )
