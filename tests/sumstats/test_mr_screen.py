"""Screens equal the estimates of each pair alone; the valid q holds its rate."""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.gsmr import gsmr
from gwasbone.sumstats.mr import Harmonised, egger, ivw, leave_one_out
from gwasbone.sumstats.mr_screen import funnel_of_screen, screen


def test_every_exposure_of_a_screen_equals_itself_alone():
    rng = np.random.default_rng(2)
    sizes = [0, 1, 2, 3, 14, 40]
    n = sum(sizes)
    x = rng.choice([-1, 1], n) * rng.uniform(0.05, 0.2, n)
    se_x = np.full(n, 0.006)
    y, se_y = 0.3 * x + rng.normal(0, 0.02, n), rng.uniform(0.01, 0.02, n)
    y[-3:] += 0.3
    edges = np.concatenate([[0], np.cumsum(sizes)])
    found = screen(x, se_x, y, se_y, edges)
    for e, size in enumerate(sizes):
        rows = slice(edges[e], edges[e + 1])
        data = Harmonised(x[rows], se_x[rows], y[rows], se_y[rows])
        line = egger(data)
        alone = {
            "ivw": ivw(data),
            "egger": line.slope,
            "egger_intercept": line.intercept,
            "gsmr": gsmr(data, np.eye(size)).estimate,
        }
        for method, one in alone.items():
            own = getattr(found, method)
            got = [getattr(own, name)[e] for name in ("b", "se", "neg_log10_p")]
            np.testing.assert_allclose(
                got, [one.b, one.se, one.neg_log10_p], rtol=1e-9, err_msg=method
            )
            if method != "gsmr":
                np.testing.assert_allclose(own.q[e], one.q, rtol=1e-9)
        if size > 1:
            left = [one.b for one in leave_one_out(data)]
            assert (found.low[e], found.high[e]) == pytest.approx((min(left), max(left)))
    assert found.gsmr.n_snp[-1] < 40  # the planted outliers


def test_what_does_not_fit_is_refused():
    one = np.ones(3)
    with pytest.raises(InputError, match="edges to the end"):
        screen(one, one, one, one, [0, 2])
    with pytest.raises(InputError, match="above 0"):
        screen(one, one * 0, one, one, [0, 3])
    with pytest.raises(InputError, match="validations"):
        funnel_of_screen((np.ones((3, 1)), np.ones((3, 1))), (np.ones((3, 1)), np.ones((3, 1))))


def test_the_funnel_by_hand():
    # found; discordant IVW; not validated; validated with another sign; not discovered
    b = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, -1, 1], [1, 1, 1]], float)
    p = np.array([[9, 9, 0], [9, 9, 9], [9, 0, 0], [9, 9, 0.1], [0.1, 9, 9]], float)
    b_ivw = b.copy()
    b_ivw[1, 0] = -1
    found = funnel_of_screen((b, p), (b_ivw, np.full_like(p, 3.0)))
    assert found.steps["remaining"].tolist() == [5, 5, 4, 3, 1]
    assert found.table["found_published"].tolist() == [True, False, False, False, False]
    # the valid q asks for discovery and validation of the same sign
    assert found.table["found"].tolist() == [True, True, False, False, False]


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.5])
def test_the_valid_q_holds_its_rate_where_outcomes_correlate(correlation):
    """3,935 exposures, 16 planted links, six outcomes; the published funnel is only shown."""
    rng = np.random.default_rng(5)
    n, k, planted, runs = 3935, 6, 16, 40
    shared = np.full((k, k), correlation) + (1 - correlation) * np.eye(k)
    root = np.linalg.cholesky(shared)
    false = {"found": [], "found_published": []}
    power = []
    for _ in range(runs):
        z = rng.normal(size=(n, k)) @ root.T
        z[:planted] += 5.0
        p = neg_log10_p_normal(z)
        table = funnel_of_screen((z, p), (z, p)).table
        for name, rates in false.items():
            hits = table[name].to_numpy()
            rates.append(hits[planted:].sum() / max(1, hits.sum()))
        power.append(table["found"].to_numpy()[:planted].mean())
    assert np.mean(false["found"]) <= 0.05
    assert np.mean(power) > 0.5
    if correlation:
        assert np.mean(false["found_published"]) > 0.05
