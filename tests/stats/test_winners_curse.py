"""Effects that were picked for being strong."""

import numpy as np

from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.stats.winners_curse import shrunken_z


def _picked(rng, share, spread, threshold):
    mu = np.where(rng.random(200_000) < share, rng.normal(0, spread, 200_000), 0.0)
    z = mu + rng.normal(size=mu.size)
    kept = np.abs(z) > threshold
    return np.sign(z[kept]) * mu[kept], np.abs(z)[kept], shrunken_z(neg_log10_p_normal(z))[kept]


def test_the_truth_lies_between_what_was_seen_and_what_is_believable():
    for share, spread in ((0.01, 3.0), (0.05, 3.0), (0.02, 2.0)):
        truth, seen, shrunken = _picked(np.random.default_rng(1), share, spread, 4.5)
        assert len(truth) > 150
        assert shrunken.mean() < truth.mean() < seen.mean(), (share, spread)
        assert abs((shrunken + seen).mean() / 2 - truth.mean()) < 0.35


def test_the_best_of_noise_is_nothing():
    truth, seen, shrunken = _picked(np.random.default_rng(2), 0.0, 1.0, 4.0)
    assert (truth == 0).all()
    assert seen.min() > 4
    assert np.mean(shrunken) < 1.2


def test_order_stays_and_the_strongest_keep_their_size():
    found = shrunken_z([400.0, 20.0, 10.0, 10.0, 0.1, 0.0])
    assert (np.diff(found) <= 0).all()
    assert found[0] > 0.99 * np.sqrt(2 * 400 * np.log(10)) * 0.99
