"""Which rows are chosen: the smallest, never a layer's last, and no more than is enough."""

from collections import Counter

import torch
from torch import Tensor, nn

from pipeline.pruning.resrep.rows import choose_rows, count, row_norms, rows_below


def never(counts: Counter[str]) -> bool:
    return False


def test_norms_are_those_of_the_rows() -> None:
    compactor = nn.Conv2d(2, 2, 1, bias=False)
    compactor.weight.data.copy_(torch.tensor([[3.0, 4.0], [0.0, -2.0]])[:, :, None, None])
    assert row_norms({"a": compactor})["a"].tolist() == [5.0, 2.0]


def test_chosen_rows_are_counted_over_all_layers() -> None:
    assert count({"a": torch.tensor([True, False, True]), "b": torch.tensor([True])}) == 3


NORMS = {"a": torch.tensor([0.5, 0.1, 0.9]), "b": torch.tensor([0.2, 0.3])}


def chosen(rows: dict[str, Tensor]) -> dict[str, list[int]]:
    return {name: mask.nonzero().flatten().tolist() for name, mask in rows.items()}


def test_the_smallest_rows_are_chosen_but_never_a_layers_last() -> None:
    assert chosen(choose_rows(NORMS, 0, never)) == {"a": [], "b": []}
    assert chosen(choose_rows(NORMS, 1, never)) == {"a": [1], "b": []}
    assert chosen(choose_rows(NORMS, 2, never)) == {"a": [1], "b": [0]}
    # b's 0.3 is its last row, so a's 0.5 is next; then nothing is left to choose.
    assert chosen(choose_rows(NORMS, 3, never)) == {"a": [0, 1], "b": [0]}
    assert chosen(choose_rows(NORMS, 9, never)) == {"a": [0, 1], "b": [0]}


def test_choosing_stops_when_it_is_enough() -> None:
    assert chosen(choose_rows(NORMS, 9, lambda counts: counts["b"] >= 1)) == {"a": [1], "b": [0]}
    assert chosen(choose_rows(NORMS, 9, lambda counts: True)) == {"a": [], "b": []}


def test_rows_below_a_threshold() -> None:
    assert chosen(rows_below(NORMS, 0.25)) == {"a": [1], "b": [0]}
    assert chosen(rows_below(NORMS, 0.2)) == {"a": [1], "b": []}
    assert chosen(rows_below(NORMS, 5)) == {"a": [0, 1], "b": [0]}  # one stays
