"""Average precision and calibration measures: by hand, against scikit-learn, by identities."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.metrics import precision_recall_curve as sklearn_curve

from gwasbone.errors import InputError
from gwasbone.stats.precision_recall import average_precision, precision_recall_curve


def _draw(seed, ties=False):
    rng = np.random.default_rng(seed)
    case = rng.random(400) < 0.15
    score = rng.normal(1.0 * case)
    return case, np.round(score * 2) if ties else score


def test_a_case_worked_by_hand_with_a_tie():
    # Scores 4 (case), 3 (case and control, tied), 1 (control): precision 1, ⅔, ½ at recall ½, 1, 1.
    curve = precision_recall_curve([1, 1, 0, 0], [4, 3, 3, 1])
    np.testing.assert_allclose(curve.precision, [1, 2 / 3, 1 / 2])
    np.testing.assert_allclose(curve.recall, [0.5, 1, 1])
    assert curve.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert curve.prevalence == 0.5


@pytest.mark.parametrize("ties", [False, True])
def test_sklearn_agrees(ties):
    case, score = _draw(1, ties)
    curve = precision_recall_curve(case, score)
    assert curve.average_precision == pytest.approx(average_precision_score(case, score), abs=1e-14)
    precision, recall, threshold = sklearn_curve(case, score)
    k = threshold.size
    np.testing.assert_allclose(curve.threshold, threshold[::-1])
    np.testing.assert_allclose(curve.precision, precision[:k][::-1])
    np.testing.assert_allclose(curve.recall, recall[:k][::-1])


def test_order_and_monotone_transforms_do_not_matter():
    case, score = _draw(2)
    value = average_precision(case, score)
    assert average_precision(case, np.exp(score)) == value
    order = np.random.default_rng(3).permutation(case.size)
    assert average_precision(case[order], score[order]) == value


def test_a_score_without_information_gets_the_prevalence():
    case, _ = _draw(4)
    assert average_precision(case, np.ones(case.size)) == pytest.approx(case.mean())


def test_missing_people_are_counted_and_one_class_is_refused():
    curve = precision_recall_curve([1, 0, 0, np.nan], [3, np.nan, 1, 2])
    assert (curve.average_precision, curve.n_missing) == (1.0, 2)
    with pytest.raises(InputError, match="0 cases"):
        precision_recall_curve([0, 0], [1, 2])
