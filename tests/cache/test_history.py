"""What is kept of a training's epochs, beside its network."""

from dataclasses import astuple
from pathlib import Path

import pytest

from pipeline.cache import history
from pipeline.cache.history import Epoch
from pipeline.errors import PipelineError

EPOCHS = [Epoch(0, 2.302585092994046, 0.1, 0.05, 12.34), Epoch(1, 1 / 3, 2 / 3, 1e-7, 11.0)]


def test_every_bit_comes_back(tmp_path: Path) -> None:
    history.write(tmp_path, EPOCHS)
    assert (tmp_path / "history.csv").read_text() == (
        "epoch,loss,accuracy,learning_rate,seconds\n"
        "1,2.302585092994046,0.1,0.05,12.34\n"
        "2,0.3333333333333333,0.6666666666666666,1e-07,11.0\n"
    )
    assert [astuple(each) for each in history.read(tmp_path)] == list(map(astuple, EPOCHS))


def test_an_older_artifact_has_none(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"history\.csv is missing"):
        history.read(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "epoch,loss\n1,2\n",
        "epoch,loss,accuracy,learning_rate,seconds\n1,0.5,0.5,0.1\n",
        "epoch,loss,accuracy,learning_rate,seconds\n1,0.5,x,0.1,1\n",
        "epoch,loss,accuracy,learning_rate,seconds\n2,0.5,0.5,0.1,1\n",
    ],
)
def test_a_damaged_one_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(PipelineError, match=r"history\.csv is damaged; delete it"):
        history.read(tmp_path)
