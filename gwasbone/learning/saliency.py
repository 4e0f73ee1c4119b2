"""Where networks look: maps of held-out people, their means by class, and what of it is noise.

A map says for each place of an image how far it moved one number of a network (Grad-CAM averaged
over convolutional layers, :meth:`gwasbone.learning.backend.Model.saliency`). Each map has a mean
of one, so that people and models of different scale count alike (Eriksson & Nakamori 2025, §2.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.networks import Head

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

#: A place belongs to the body where the mean picture lies so many grey levels off the background.
BODY_LEVELS = 13.0
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Question:
    """Which number of a network is asked about.

    Parameters
    ----------
    head : its name.
    index : of a class, whose logit it is; 1 of a binary head are the log odds.
    contrast : weights of the outputs instead of one of them; they sum to zero.
    """

    head: str
    index: int = 1
    contrast: tuple[float, ...] | None = None


def dosage_question(head: Head, shares: Sequence[float]) -> Question:
    """Ask a model of genotypes where it sees copies of the allele.

    Parameters
    ----------
    head : categorical over 0, 1, … copies, or ordinal.
    shares : of people with 0, 1, … copies.

    Returns
    -------
    For an ordinal head its score. For a categorical head logits weighted by p_k (k − Σ p_k k): the
    slope of the expected dosage in each logit where the model knows nothing but the shares p. The
    probability of one class would be of less use: heterozygotes lie between the others, so that
    no place raises their probability; the expected dosage itself is flat in people of whom a model
    is sure. The weights sum to zero, so what is added to all logits does not count, and a rare
    class, whose logit is learned from few people, weighs little.

    Raises
    ------
    UsageError
        Another kind of head, or shares that are none.

    Examples
    --------
    >>> dosage_question(Head("g", "categorical", 3), [0.25, 0.5, 0.25]).contrast
    (-0.25, 0.0, 0.25)
    """
    if head.kind == "ordinal":
        return Question(head.name)
    p = np.asarray(shares, dtype=float)
    if head.kind != "categorical" or len(p) != head.size or (p < 0).any() or not p.sum() > 0:
        raise UsageError(
            f"saliency of {head.name}: expected a share of participants for each of {head.size} "
            f"classes of a categorical or ordinal head, got {list(shares)} of a {head.kind} one"
        )
    p = p / p.sum()
    copies = np.arange(len(p))
    return Question(head.name, contrast=tuple((p * (copies - p @ copies)).tolist()))


def chosen_people(
    group: npt.ArrayLike, fold: npt.ArrayLike, *, most: int, seed: int = 1
) -> IntArray:
    """Draw participants whose maps are made, since a map costs about as much as a step of training.

    Parameters
    ----------
    group : (n,) class of each person, from 0; below 0 is nobody's.
    fold : (n,) in which they are held out.
    most : of each class, dealt out to folds as evenly as they allow.

    Returns
    -------
    Rows, sorted.
    """
    group, fold = np.asarray(group), np.asarray(fold)
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for k in np.unique(group[group >= 0]):
        queues = [rng.permutation(np.flatnonzero((group == k) & (fold == j))).tolist()
                  for j in np.unique(fold)]  # fmt: skip
        of_class: list[int] = []
        while len(of_class) < most and any(queues):
            for queue in queues:
                if queue and len(of_class) < most:
                    of_class.append(queue.pop())
        chosen += of_class
    return np.sort(np.asarray(chosen, dtype=np.intp))


@dataclass(frozen=True)
class GroupMaps:
    """Maps of participants by class.

    Parameters
    ----------
    names : of the k classes, in order. n : (k,) people of each. n_empty : people whose map is
        zero everywhere, as nothing in their image speaks for it; they are in no mean.
    mean, se : (k, h, w) mean map of a class and its standard error over people; NaN of a class
        of nobody, and the error of one person.
    slope, slope_se : (h, w) change of the map from one class to the next (of two classes the
        difference second − first), within folds, by least squares.
    critical : |slope / slope_se| that 95 % of shuffles of classes within folds do not reach
        anywhere on the image: below it a difference is noise.
    agreement : mean correlation between the mean maps of every two folds. Errors are over people;
        this says how far another model would look elsewhere. NaN for one fold.
    """

    names: tuple[str, ...]
    n: IntArray
    n_empty: int
    mean: FloatArray
    se: FloatArray
    slope: FloatArray
    slope_se: FloatArray
    critical: float
    agreement: float

    @property
    def t(self) -> FloatArray:
        """(h, w) slope over its standard error, 0 where the map does not vary."""
        found = np.zeros_like(self.slope)
        return np.divide(self.slope, self.slope_se, out=found, where=self.slope_se > 0)


def group_maps(
    maps: npt.ArrayLike,
    group: npt.ArrayLike,
    fold: npt.ArrayLike,
    names: Sequence[str],
    *,
    n_shuffles: int = 500,
    seed: int = 1,
) -> GroupMaps:
    """Mean maps by class, and how they change from class to class.

    Parameters
    ----------
    maps : (n, h, w) ≥ 0 of people, each by the model that never saw them.
    group : (n,) class of each, 0 … len(names) − 1.
    fold : (n,) the model that made the map.

    Raises
    ------
    InputError
        Maps of nobody, or of one class only.
    """
    raw = np.asarray(maps, dtype=np.float64)
    group, fold = np.asarray(group, dtype=np.intp), np.asarray(fold, dtype=np.intp)
    total = raw.mean(axis=(1, 2)) if len(raw) else np.zeros(0)
    seen = total > 0
    M, group, fold = raw[seen] / total[seen, None, None], group[seen], fold[seen]
    n = np.bincount(group, minlength=len(names))
    if (n > 0).sum() < 2:
        raise InputError(
            f"saliency: expected maps of participants of at least two classes, got "
            f"{', '.join(f'{count} of {name}' for name, count in zip(names, n, strict=True))}"
        )
    mean = np.full((len(names), *M.shape[1:]), np.nan)
    se = mean.copy()
    for k in np.flatnonzero(n):
        mean[k] = M[group == k].mean(axis=0)
        if n[k] > 1:
            se[k] = M[group == k].std(axis=0, ddof=1) / np.sqrt(n[k])
    slope, slope_se, critical = _slopes(M, group.astype(float), fold, n_shuffles, seed)
    return GroupMaps(
        tuple(names), n, int((~seen).sum()), mean, se, slope, slope_se, critical,
        _agreement(M, fold),
    )  # fmt: skip


def _slopes(
    M: FloatArray, x: FloatArray, fold: IntArray, n_shuffles: int, seed: int
) -> tuple[FloatArray, FloatArray, float]:
    """Least squares of maps on class within folds, and the largest |t| of shuffles (95 %)."""
    shape, n = M.shape[1:], len(M)
    number = np.unique(fold, return_inverse=True)[1]
    dof = n - int(number.max()) - 2
    xc = _centred(x[:, None], number)[:, 0]
    Mc = _centred(M.reshape(n, -1), number)
    sum_x2, size = float(xc @ xc), np.sqrt((Mc**2).sum(axis=0))
    if dof < 1 or sum_x2 == 0:
        return np.full(shape, np.nan), np.full(shape, np.nan), np.nan
    slope = xc @ Mc / sum_x2
    left = np.maximum(size**2 - slope**2 * sum_x2, 0)
    unit = Mc / np.where(size > 1e-9 * np.sqrt(n), size, np.inf)
    rng = np.random.default_rng(seed)
    places = [np.flatnonzero(number == j) for j in range(int(number.max()) + 1)]
    shuffled = np.empty((n_shuffles, n))
    for b in range(n_shuffles):
        for rows in places:
            shuffled[b, rows] = xc[rng.permutation(rows)]
    r = np.abs(shuffled / np.sqrt(sum_x2) @ unit).max(axis=1)
    most = min(float(np.quantile(r, 0.95)), 1 - 1e-12)
    critical = most * np.sqrt(dof / (1 - most**2))
    return slope.reshape(shape), np.sqrt(left / dof / sum_x2).reshape(shape), float(critical)


def _centred(values: FloatArray, number: IntArray) -> FloatArray:
    """(n, p) less the mean of each row's fold."""
    counts = np.bincount(number)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, number, values)
    return np.asarray(values - (sums / counts[:, None])[number])


def _agreement(M: FloatArray, fold: IntArray) -> float:
    means = [M[fold == j].mean(axis=0).ravel() for j in np.unique(fold)]
    if len(means) < 2:
        return np.nan
    r = np.corrcoef(means)
    return float(np.mean(r[np.triu_indices(len(means), 1)]))


def body_of(mean_picture: npt.ArrayLike, *, background: float) -> npt.NDArray[np.bool_]:
    """(h, w) where a body is: the mean image is off the background by 5 % of the grey scale.

    Parameters
    ----------
    mean_picture : (h, w) mean of images, 0 to 255.
    background : grey level of nothing: 255 where images are inverted, else 0.
    """
    return np.abs(np.asarray(mean_picture, dtype=float) - background) > BODY_LEVELS


@dataclass(frozen=True)
class MassShare:
    """How much of the saliency lies in a region, beside how much of the image that is.

    Parameters
    ----------
    mass : share of the mass of people's maps; se : over people. By chance, where a network looked
        at all of the body alike, it were ``of_body``.
    of_area : share of the image's pixels; of_body : share of the body's.
    n : people.
    """

    mass: float
    se: float
    of_area: float
    of_body: float
    n: int


def mass_share(
    maps: npt.ArrayLike, region: npt.NDArray[np.bool_], body: npt.NDArray[np.bool_]
) -> MassShare:
    """Share of saliency in a region.

    Parameters
    ----------
    maps : (n, h, w) of people; each counts alike, and empty ones do not count.
    region, body : (h, w).

    Raises
    ------
    InputError
        No map, or an empty body.
    """
    M = np.asarray(maps, dtype=np.float64)
    total = M.sum(axis=(1, 2))
    if not (total > 0).any() or not body.any():
        raise InputError("saliency: expected a map that is not empty, and a body")
    share = M[:, region].sum(axis=1)[total > 0] / total[total > 0]
    n = len(share)
    return MassShare(
        mass=float(share.mean()),
        se=float(share.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan,
        of_area=float(region.mean()),
        of_body=float((region & body).sum() / body.sum()),
        n=n,
    )
