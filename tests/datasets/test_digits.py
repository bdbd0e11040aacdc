"""The digits: the split is fixed and stratified, the pictures are scikit-learn's."""

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from pipeline.datasets.digits import load


def test_digits() -> None:
    data = load()
    data.check()
    assert (len(data.train), len(data.test)) == (898, 899)
    assert data.train.images.shape[1:] == (3, 32, 32)
    for part in (data.train, data.test):
        counts = torch.bincount(part.labels)
        assert counts.min() >= 86
        assert counts.max() <= 92
    assert not set(data.train.ids.tolist()) & set(data.test.ids.tolist())
    assert int(data.test.ids.sum()) + int(data.train.ids.sum()) == 1797 * 1796 // 2
    raw = load_digits()
    for row in (0, 100, 898):
        small = Image.fromarray((raw.images[data.test.ids[row]] * 255 / 16).astype("uint8"))
        large = np.asarray(small.resize((32, 32), Image.Resampling.BILINEAR), np.int16)
        assert np.abs(data.test.images[row, 0].numpy() - large).max() <= 1
        assert torch.equal(data.test.images[row, 0], data.test.images[row, 2])
    assert torch.equal(data.test.labels, torch.from_numpy(raw.target)[data.test.ids])
    normalised = data.normalise(data.train.images)
    assert abs(float(normalised.mean())) < 1e-4
    assert abs(float(normalised.std()) - 1) < 1e-4


def test_the_split_is_frozen() -> None:
    # Predictions name images by their ids: another split would make them incomparable.
    assert load().test.ids[:10].tolist() == [0, 1, 2, 4, 6, 10, 11, 12, 17, 21]
