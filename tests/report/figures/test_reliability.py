"""Reliability diagrams show the bins that hold images."""

import numpy as np
import pytest

from pipeline.report.figures import reliability
from pipeline.report.view import View


def test_dots_and_gaps_are_the_filled_bins(scored: View) -> None:
    ax = reliability.draw(scored).axes[0]
    bands, gaps, dots = ax.collections
    # Clopper and Pearson's intervals of 10 of 20 and 64 of 80 images.
    reach = [path.vertices[:, 1].tolist() for path in bands.get_paths()]
    assert np.array(reach) == pytest.approx(np.array([[27.20, 72.80], [69.56, 88.11]]), abs=0.005)
    assert np.asarray(dots.get_offsets()) == pytest.approx(np.array([[30, 50], [90, 80]]))
    small, large = dots.get_sizes()
    assert large > small
    segments = [path.vertices.tolist() for path in gaps.get_paths()]
    assert np.array(segments) == pytest.approx(
        np.array([[[30, 50], [30, 30]], [[90, 80], [90, 90]]])
    )
    assert [text.get_text() for text in ax.texts] == ["ECE 0.1200"]
