"""Compiled counts and products of packed calls against calls written out."""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.genotypes import PackedBlock
from gwasbone.blocks.packed_kernels import FEW_COLUMNS, CompiledBlock

N, M = 8_241, 11


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    G = rng.binomial(2, np.linspace(0.01, 0.99, M)[:, None], (M, N)).astype(float)
    G[rng.random((M, N)) < 0.01] = np.nan
    G[3] = np.where(np.isnan(G[3]), 1, G[3])
    G[5], G[6] = np.nan, 2
    some = rng.random(N) < 0.7
    return G, some, PackedArray.of(np.nan_to_num(G, nan=-1))


def blocks(data):
    G, some, rows = data
    block = PackedBlock.of(rows.words, rows.columns.mask(np.ones(N, dtype=bool)))
    mask = rows.columns.mask(some)
    rarer = CompiledBlock.around(block).counting_rarer(mask)
    written = np.where(rarer.swapped[:, None], 2 - G, G)
    return block.counting_rarer(mask), rarer, written, mask


def test_counts_are_those_of_the_calls(data):
    _, some, _ = data
    plain, block, written, mask = blocks(data)
    assert (block.swapped == plain.swapped).all()
    assert 0 < block.swapped.sum() < M
    sums, own = block.sums(mask, some.sum()), plain.sums(mask, some.sum())
    here = written[:, some]
    assert (sums.called == (~np.isnan(here)).sum(axis=1)).all()
    assert (sums.alleles == np.nansum(here, axis=1)).all()
    assert (sums.squares == np.nansum(here**2, axis=1)).all()
    assert (sums.constant == own.constant).all()
    assert (sums.alleles <= np.maximum(sums.called, 1)).all()


@pytest.mark.parametrize("c", [1, 4, 7, FEW_COLUMNS, FEW_COLUMNS + 1])
def test_products_are_those_of_the_calls(data, c):
    _, some, rows = data
    _, block, written, _ = blocks(data)
    W = np.zeros((rows.columns.n_slots, c), dtype=np.float32)
    W[rows.columns.slots] = np.random.default_rng(c).standard_normal((N, c)) / np.sqrt(N)
    W[rows.columns.slots[~some]] = 0
    own, called = W[rows.columns.slots].astype(float), np.nan_to_num(written)
    np.testing.assert_allclose(block.multiply(W), called @ own, atol=3e-6)
    np.testing.assert_allclose(block.multiply_squares(W), called**2 @ own, atol=6e-6)
    absent = np.where(some, np.isnan(written), 0) @ own
    np.testing.assert_allclose(block.multiply_missing(W), absent, atol=1e-6)


def test_nothing_missing_has_no_product(data):
    _, _, rows = data
    people = rows.columns.mask(np.ones(N, dtype=bool))
    block = CompiledBlock.around(PackedBlock.of(rows.words[[3, 6]], people))
    assert block.multiply_missing(np.ones((rows.columns.n_slots, 2), dtype=np.float32)) is None
