"""Caches of any precision give networks and pages the same images."""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.images.grey import to_precision, white_of
from gwasbone.learning.person_maps import _mean_picture
from gwasbone.learning.picture_rows import ReducedPictures, network_pixels


@pytest.mark.parametrize("precision", ["uint8", "uint16", "float32"])
def test_images_of_every_precision_reach_networks_and_maps_with_the_same_levels(precision):
    grey = np.random.default_rng(4).integers(0, 256, (9, 24, 16, 1), dtype=np.uint8)
    images = to_precision(grey.astype(np.uint16), 255, precision)
    reduced = ReducedPictures(images, np.arange(9), 12, 8)
    assert reduced[:].dtype == network_pixels(precision)
    low, high = 0.0, float(white_of(precision))
    exact = grey.astype(float).reshape(9, 12, 2, 8, 2, 1).mean((2, 4))
    shares = (reduced[:].astype(np.float64) - low) / (high - low)
    assert np.abs(255 * shares - exact).max() <= (0.5 if precision == "uint8" else 0.001)
    mean = _mean_picture(reduced, white_of(precision))
    assert np.abs(mean - exact.mean(0)[..., 0]).max() < (0.5 if precision == "uint8" else 0.001)
