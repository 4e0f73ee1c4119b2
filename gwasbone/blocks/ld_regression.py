"""Sums of the regression of products of z statistics on LD scores, by block: the compiled loops.

One model serves both regressions of :mod:`gwasbone.sumstats.ldsc`: of χ² (both statistics are of
one trait) and of the product of two traits. With r² = N max(l, 1)/M of each trait, the variance of
a product is v₁v₂ + k², v = h r² + a of each trait and k = ρ r₁r₂ + c; for one trait with itself
this is 2v². Weights are computed and used in the same pass, so that no array of them is made.
"""

from __future__ import annotations

import numpy as np

from gwasbone.blocks.compiled import compiled

#: Columns of the sums of a block: Σw, Σwx, Σwx², Σwy, Σwxy.
N_SUMS = 5
#: Rows whose sums are taken in the arrays' own precision.
CHUNK = 512


@compiled(fast=True)
def _summed(z1, z2, v1, v2, r1, r2, share, w, rho, c, below, missing):  # type: ignore[no-untyped-def]
    """The sums of a chunk; NaN where a weight is not positive.

    All numbers are of one type and nothing is stored, so that several variants are computed by one
    instruction.
    """
    nothing = z1.dtype.type(0)
    total0 = total1 = total2 = total3 = total4 = nothing
    for j in range(len(w)):
        both = r1[j] * r2[j]
        shared = rho * both + c
        spread = v1[j] * v2[j] + shared * shared
        weight = w[j] / spread if spread > nothing else missing
        weight = weight if (z1[j] * z1[j] < below) & (z2[j] * z2[j] < below) else nothing
        x = both * share[j]
        y = z1[j] * z2[j]
        wx = weight * x
        total0 += weight
        total1 += wx
        total2 += wx * x
        total3 += weight * y
        total4 += wx * y
    return total0, total1, total2, total3, total4


@compiled(fast=True)
def product_sums(z1, z2, v1, v2, r1, r2, share, w, edges, rho, c, below, out):  # type: ignore[no-untyped-def]
    """Weighted sums over the variants of each block that are below a threshold.

    Parameters
    ----------
    z1, z2 : (m,) statistics. v1, v2 : (m,) variances. r1, r2 : (m,) √(N max(l, 1)/M).
    share : (m,) l/max(l, 1). w : (m,) 1/max(l_w, 1). All in one precision.
    edges : (g + 1,) blocks.
    rho, c : ρ and c; x = √(N₁N₂) l/M.
    below : χ² below which (both) a variant counts.
    out : (g, 5) Σw, Σwx, Σwx², Σwy, Σwxy; NaN where a weight is not positive.
    """
    scalars = np.empty(4, z1.dtype)
    scalars[0], scalars[1], scalars[2], scalars[3] = rho, c, below, np.nan
    out[:] = 0.0
    for g in range(len(edges) - 1):
        # the sums of a chunk are in the precision of the arrays, all others in double
        for start in range(edges[g], edges[g + 1], CHUNK):
            end = min(start + CHUNK, edges[g + 1])
            sums = _summed(
                z1[start:end], z2[start:end], v1[start:end], v2[start:end], r1[start:end],
                r2[start:end], share[start:end], w[start:end], scalars[0], scalars[1], scalars[2],
                scalars[3],
            )  # fmt: skip
            for k in range(N_SUMS):
                out[g, k] += sums[k]


@compiled(fast=True)
def product_totals(z1, z2, r1, r2, share, below, n_below):  # type: ignore[no-untyped-def]
    """Sums of z₁z₂ and of √(N₁N₂) l/M.

    Parameters
    ----------
    n_below : (m/``CHUNK`` rounded up,) how many of each chunk of rows have both χ² below.
    """
    products = scores = 0.0
    for chunk in range(len(n_below)):
        start = chunk * CHUNK
        end = min(start + CHUNK, len(share))
        one, two = z1[start:end], z2[start:end]
        first, second, part = r1[start:end], r2[start:end], share[start:end]
        count = 0
        for i in range(len(part)):
            products += one[i] * two[i]
            scores += first[i] * second[i] * part[i]
            count += 1 if (one[i] * one[i] < below) & (two[i] * two[i] < below) else 0
        n_below[chunk] = count
    return products, scores


@compiled
def edges_below(z1, z2, below, inner, n_below, out):  # type: ignore[no-untyped-def]
    """Rows at which blocks of the variants below a threshold begin, among all variants.

    Parameters
    ----------
    inner : (g + 1,) edges of the blocks, counted among the variants below it.
    n_below : from :func:`product_totals`.
    out : (g + 1,) the same edges as rows; the first is 0 and the last m.
    """
    out[0], out[len(inner) - 1] = 0, len(z1)
    chunk, before = 0, 0
    for block in range(1, len(inner) - 1):
        while before + n_below[chunk] <= inner[block]:
            before += n_below[chunk]
            chunk += 1
        seen, i = before, chunk * CHUNK
        while True:
            if z1[i] * z1[i] < below and z2[i] * z2[i] < below:
                if seen == inner[block]:
                    break
                seen += 1
            i += 1
        out[block] = i
