"""Leading principal components of packed calls.

The matrix Z = U·diag(s)·V' of :mod:`gwasbone.blocks.standardised` has the components V, with s²
the eigenvalues of the relationship matrix Z'Z, and the loadings U.

Where people or variants are few, Z'Z or ZZ' is summed over blocks and kept. Elsewhere each product
with Z'Z reads the blocks once. A block Lanczos method with thick restarts (Zhou & Saad 2008, Numer
Algorithms 47:341) starts from random vectors and goes on until the residuals are small.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from gwasbone.blocks.packed import PeopleColumns, Words
from gwasbone.blocks.standardised import StandardisedCalls
from gwasbone.errors import GwasboneWarning, UsageError

FloatArray = npt.NDArray[np.float64]
Method = Literal["auto", "exact", "iterative"]

#: Up to this many people, or variants, the relationship matrix itself is kept: 300 MB.
MOST_EXACT = 5_000
# Smaller ones than this are solved for all their components, of which a few are kept.
_SOLVED_WHOLE = 500
_EXACT_TOLERANCE, _EXACT_PASSES = 1e-6, 500
# Blocks of the iterative method before a restart. Where a product reads all genotypes, blocks are
# wide and products few; where the matrix is held, narrow blocks need less arithmetic in all.
_BASIS_BLOCKS = 8
_MIN_HELD_WIDTH = 8
# Below this share of the largest, an eigenvalue is rounding.
_RANK_TOLERANCE = 1e-7


class UnconvergedComponentsWarning(GwasboneWarning):
    """Some components are not separated to the tolerance asked for."""


@dataclass(frozen=True)
class LeadingComponents:
    """Singular vectors and values of Z.

    Parameters
    ----------
    eigenvalues : (k,) largest first.
    people : (n, k) V, columns of length 1; signs are arbitrary.
    loadings : (m, k) U; NaN for variants that do not vary.
    frequency : (m,) of ALT, NaN where nobody is called.
    residual : (k,) ‖Z'Zv − s²v‖ / s² as the solver knows it; 0, being below 1e-6, for the exact
        method.
    n_passes : products with Z'Z that the iterative method took; 0 for the exact one.
    """

    eigenvalues: FloatArray
    people: FloatArray
    loadings: FloatArray
    frequency: FloatArray
    residual: FloatArray
    n_passes: int


def leading_components(
    blocks: Sequence[Words],
    columns: PeopleColumns,
    *,
    k: int,
    method: Method = "auto",
    seed: int = 0,
    tolerance: float = 1e-5,
    max_passes: int = 200,
    threads: int | None = None,
) -> LeadingComponents:
    """The k leading components of the standardised calls.

    Parameters
    ----------
    blocks : (rows, w) packed calls of diploid variants, in order; read again in every pass, so a
        sequence may read a file when an item is asked for.
    columns : where the n people are in packed rows; the others are left out.
    k : number of components.
    method : ``exact`` (memory 12·min(n, m)² bytes), ``iterative`` (memory about 200·k·n
        bytes, and 32·k·n for each thread's sums; people fewer than 16·k are solved exactly), or
        by size.
    seed : of the first vectors; results depend on it by less than the tolerance.
    tolerance : on the residuals, relative to the eigenvalue, for the iterative method. The
        eigenvalues are then far closer, the components to the tolerance over their relative gap.
    max_passes : after which the iterative method gives what it has, with a warning.
    threads : cores to use; all by default.

    Raises
    ------
    UsageError
        Fewer people or varying variants than components, or components without variance.

    Warns
    -----
    UnconvergedComponentsWarning
        The residuals are above the tolerance after ``max_passes``.
    """
    Z = StandardisedCalls.of(blocks, columns, threads or os.cpu_count() or 1)
    n, m = Z.shape
    if not 1 <= k < min(n, m + 1):
        raise UsageError(
            f"principal components: expected more samples and no fewer variants that vary than the "
            f"{k} components, got {n} samples and {m} such variants"
        )
    residual, n_passes = np.zeros(k), 0
    iterative = method == "iterative" or (method == "auto" and min(n, m) > MOST_EXACT)
    if iterative and n >= _BASIS_BLOCKS * 2 * k:
        # between passes the products are small: threads would wait for one another for longer
        with threadpool_limits(1, user_api="blas"):
            solution = _block_lanczos(
                Z.relate, n, k, width=2 * k, seed=seed, tolerance=tolerance, max_passes=max_passes
            )
        V, residual, n_passes = solution.vectors, solution.residual, solution.n_products
    elif n <= m:
        V = _leading_vectors(Z.people_products(), k, seed, Z.threads)
    else:
        U = Z.spread(_leading_vectors(Z.variant_products(), k, seed, Z.threads))
        V = _unit_columns(Z.transposed_times(U))
    scaled = Z.times(V)
    s = np.linalg.norm(scaled, axis=0)
    order = np.argsort(-s, kind="stable")
    V, scaled, s, residual = V[:, order], scaled[:, order], s[order], residual[order]
    if s[-1] ** 2 < _RANK_TOLERANCE * s[0] ** 2:
        raise UsageError(
            f"principal components: expected {k} components with variance, found "
            f"{(s**2 >= _RANK_TOLERANCE * s[0] ** 2).sum()}: ask for fewer, or are samples copies "
            "of one another?"
        )
    if residual.max() > tolerance:
        _warn_unconverged(residual, tolerance, n_passes)
    loadings = np.where(Z.varies[:, None], scaled / s, np.nan)
    return LeadingComponents(s**2, V, loadings, Z.frequency, residual, n_passes)


def _leading_vectors(K: FloatArray, k: int, seed: int, threads: int) -> FloatArray:
    """(len(K), k) eigenvectors of the largest eigenvalues, largest first."""
    size, width = len(K), max(k, _MIN_HELD_WIDTH)
    if size < max(_SOLVED_WHOLE, _BASIS_BLOCKS * width):
        return np.linalg.eigh(K)[1][:, : -k - 1 : -1]
    # of its columns, being symmetric: so BLAS reorders less for narrow X
    parts = np.array_split(K, threads, axis=1)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:

        def product(X: FloatArray) -> FloatArray:
            image: FloatArray = np.hstack(list(pool.map(lambda part: X.T @ part, parts))).T
            return image

        return _block_lanczos(
            product, size, k, width=width, seed=seed, tolerance=_EXACT_TOLERANCE,
            max_passes=_EXACT_PASSES,
        ).vectors  # fmt: skip


@dataclass(frozen=True)
class _Eigenvectors:
    vectors: FloatArray
    residual: FloatArray
    n_products: int


def _block_lanczos(
    product: Callable[[FloatArray], FloatArray],
    n: int,
    k: int,
    *,
    width: int,
    seed: int,
    tolerance: float,
    max_passes: int,
) -> _Eigenvectors:
    """Leading eigenvectors of a positive (n, n) matrix known by its products.

    The basis Q keeps AQ = QH + RE', with E the columns of the last block, so the residual of a
    Ritz vector Qy is the last part of y times R, and no product with A is kept. ``width`` is the
    columns of a block, at least k.
    """
    most = _BASIS_BLOCKS * width
    block = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, width)))[0]
    Q = np.empty((n, most))
    H = np.zeros((0, 0))
    size = n_products = 0
    while True:
        Q[:, size : size + width] = block
        size += width
        image = product(block)
        n_products += 1
        basis = Q[:, :size]
        image, coefficients = _orthogonal(image, basis)
        H = _bordered(H, coefficients)
        block, R = np.linalg.qr(image)
        values, Y = np.linalg.eigh(H)
        values, Y = values[::-1], Y[:, ::-1]
        least = np.maximum(values[:k], _RANK_TOLERANCE * values[0])
        residual = np.linalg.norm(R @ Y[-width:, :k], axis=0) / least
        if residual.max() <= tolerance or n_products >= max_passes:
            return _Eigenvectors(basis @ Y[:, :k], residual, n_products)
        if size + width > most:
            kept = size // 2
            Q[:, :kept] = basis @ Y[:, :kept]
            H, size = np.diag(values[:kept]), kept
        # where the image is all but within the basis, what QR leaves need not be orthogonal to it
        block = np.linalg.qr(_orthogonal(block, Q[:, :size])[0])[0]


def _orthogonal(X: FloatArray, basis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """X less its part within the basis, and that part's coefficients; twice, for rounding."""
    coefficients = basis.T @ X
    X = X - basis @ coefficients
    again = basis.T @ X
    return X - basis @ again, coefficients + again


def _bordered(H: FloatArray, new: FloatArray) -> FloatArray:
    """H with the columns ``new`` (len(H) + c, c) added, symmetric."""
    old = len(H)
    square = (new[old:] + new[old:].T) / 2
    return np.block([[H, new[:old]], [new[:old].T, square]])


def _unit_columns(X: FloatArray) -> FloatArray:
    norm = np.linalg.norm(X, axis=0)
    return X / np.where(norm > 0, norm, 1)


def _warn_unconverged(residual: FloatArray, tolerance: float, n_passes: int) -> None:
    first = int(np.argmax(residual > tolerance)) + 1
    warnings.warn(
        f"principal components: after {n_passes} passes PC{first} and perhaps later ones have "
        f"residuals up to {residual.max():.1e} (asked for {tolerance:g}); such components differ "
        "little in variance: fewer of them may be enough",
        UnconvergedComponentsWarning,
        stacklevel=3,
    )
