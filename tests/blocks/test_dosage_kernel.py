"""Dosages of BGEN files, and the kernels on them, against their definitions."""

import pickle

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bgen import MadeVariant, dosages_of, random_probabilities, write_bgen

from gwasbone.blocks import dosages as dosages_module
from gwasbone.blocks.bgen import BgenFile, read_dosages
from gwasbone.blocks.dosages import DosageLayout
from gwasbone.blocks.genotypes import alt_dosages
from gwasbone.blocks.linear import linear_block, linear_design
from gwasbone.blocks.logistic import NullModel, logistic_design, score_block
from gwasbone.cohort.sources.bgen_index import read_header, read_variants
from gwasbone.errors import InputError
from gwasbone.stats.logistic import fit_logistic

N, M = 211, 24
SAME, ABSENT, ALMOST_SAME, INSIDE, FEW = 4, 5, 6, 7, 8


def read(path, people=None, rows=slice(None), *, ref_last=False):
    header = read_header(path)
    file = BgenFile(path, header.n_people, header.compression, header.layout, ref_last)
    table = read_variants(header).iloc[rows]
    people = np.arange(header.n_people) if people is None else people
    return read_dosages([file], *places(table), people)


def places(table):
    return np.zeros(len(table), int), table["offset"].to_numpy(), table["size"].to_numpy()


def alt(block):
    """(m, n) copies of ALT, NaN where missing."""
    G = block.units * 2 / block.top[:, None]
    G = np.where(block.swapped[:, None], 2 - G, G)
    return G if block.missing is None else np.where(block.missing.toarray() > 0, np.nan, G)


@pytest.mark.parametrize("compression", [0, 1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_dosages_are_those_of_the_probabilities(tmp_path, bits, compression):
    rng = np.random.default_rng(1)
    P = random_probabilities(rng, 9, N, bits=bits)
    missing = rng.random((9, N)) < 0.1
    made = [MadeVariant(p, missing=gone, bits=bits) for p, gone in zip(P, missing, strict=True)]
    path = write_bgen(tmp_path / "a.bgen", made, compression=compression)
    wanted = np.where(missing, np.nan, dosages_of(P, bits))
    np.testing.assert_allclose(alt(read(path)), wanted, rtol=1e-12, atol=1e-12)
    some = np.flatnonzero(rng.random(N) < 0.2)
    part = alt(read(path, some, [7, 2, 3]))
    np.testing.assert_allclose(part, wanted[[7, 2, 3]][:, some], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bits", [1, 2, 7, 10, 12, 17, 22, 23, 24, 31, 32])
def test_probabilities_of_any_number_of_bits(tmp_path, bits):
    """Exactly up to 22 bits; beyond, to the precision of a dosage in float32."""
    rng = np.random.default_rng(bits)
    P = random_probabilities(rng, 5, N, bits=bits)
    missing = rng.random((5, N)) < 0.1
    made = [MadeVariant(p, missing=gone, bits=bits) for p, gone in zip(P, missing, strict=True)]
    haploid = rng.integers(0, 2**bits, N)
    copies = np.where(np.arange(N) % 3, 2, 1)
    mixed = [p[:1] if c == 1 else p for p, c in zip(P[0], copies, strict=True)]
    made += [
        MadeVariant(haploid[:, None], copies=[1] * N, bits=bits),
        MadeVariant(mixed, copies=copies, bits=bits),
    ]
    path = write_bgen(tmp_path / "a.bgen", made)
    one = 2**bits - 1
    wanted = np.where(missing, np.nan, dosages_of(P, bits))
    of_mixed = np.where(copies == 1, 2 - 2 * P[0, :, 0] / one, dosages_of(P[:1], bits)[0])
    wanted = np.vstack([wanted, 2 - 2 * haploid / one, of_mixed])
    tolerance = 1e-12 if bits < 23 else 2**-22
    np.testing.assert_allclose(alt(read(path)), wanted, rtol=0, atol=tolerance)
    some = np.flatnonzero(rng.random(N) < 0.3)
    np.testing.assert_allclose(alt(read(path, some)), wanted[:, some], rtol=0, atol=tolerance)


@pytest.mark.parametrize("compression", [0, 1])
def test_layout_1_of_bgen_1_1(tmp_path, compression):
    """Three numbers of 1/32768, divided by their sum; all 0 is missing."""
    values = [[32768, 0, 0], [0, 32768, 0], [0, 0, 0], [16384, 0, 16384], [8192, 8192, 0]]
    second = [[0, 0, 32768], [0, 3, 1], [0, 0, 32768], [0, 0, 32768], [0, 0, 1]]
    path = write_bgen(
        tmp_path / "a.bgen",
        [MadeVariant(values), MadeVariant(second)],
        compression=compression,
        layout=1,
    )
    wanted = [[0, 1, np.nan, 1, 0.5], [2, 1.25, 2, 2, 2]]
    np.testing.assert_allclose(alt(read(path)), wanted, atol=1e-12)


def test_ref_last_counts_the_first_allele(tmp_path):
    P = random_probabilities(np.random.default_rng(2), 4, N)
    path = write_bgen(tmp_path / "a.bgen", [MadeVariant(p) for p in P])
    first = alt(read(path, ref_last=True))
    np.testing.assert_allclose(first, 2 - dosages_of(P), atol=1e-12)


def test_phased_and_haploid_people(tmp_path):
    """Two haplotypes' probabilities of REF add up; one copy counts double."""
    phased = MadeVariant([[255, 255], [255, 0], [51, 102], [9, 9]], missing=[0, 0, 0, 1], phased=1)
    mixed = MadeVariant([[255], [0, 255], [51], [0, 0]], copies=[1, 2, 1, 2])
    mixed_phased = MadeVariant([[0], [0, 255], [204], [255, 255]], copies=[1, 2, 1, 2], phased=1)
    haploid = MadeVariant([[0], [255], [204], [51]], copies=[1] * 4)
    path = write_bgen(tmp_path / "a.bgen", [phased, mixed, mixed_phased, haploid])
    wanted = [[0, 1, 1.4, np.nan], [0, 1, 1.6, 2], [2, 1, 0.4, 0], [2, 0, 0.4, 1.6]]
    np.testing.assert_allclose(alt(read(path)), wanted, rtol=1e-12)
    np.testing.assert_allclose(alt(read(path, np.array([2, 3]))), np.array(wanted)[:, 2:])


def test_calls_are_the_most_probable_genotypes(tmp_path):
    unphased = [[200, 50], [50, 200], [0, 5], [127, 127], [85, 85], [0, 127], [1, 127], [0, 0]]
    first = MadeVariant(unphased, missing=[0] * 7 + [1])
    # 0.6 · 0.6 = 0.36 two REF, 0.48 one; 0.8 · 0.8 = 0.64 two
    phased = [[153, 153], [204, 204], [0, 255], [0, 0], [51, 51], [255, 255], [255, 0], [0, 51]]
    haploid = [[200], [55], [0], [255], [128], [127], [0], [0]]
    path = write_bgen(
        tmp_path / "a.bgen",
        [first, MadeVariant(phased, phased=1), MadeVariant(haploid, copies=[1] * 8)],
    )
    file = BgenFile(path, 8, 1)
    found = np.empty((3, 8), np.int8)
    read_dosages([file], *places(read_variants(read_header(path))), np.arange(8), calls=found)
    assert found[0].tolist() == [0, 1, 2, -1, -1, 2, -1, -1]
    assert found[1].tolist() == [1, 0, 1, 2, 2, 0, 1, 2]
    assert found[2].tolist() == [0, 2, 2, 0, 0, 2, 2, 2]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (MadeVariant([[200, 100]] * 3), "some add up to more"),
        (MadeVariant([[]] * 3, bits=0), "1 to 32 bits.*got 0 bits"),
        (MadeVariant([[1, 2]] * 3, bits=40), "one or two copies of the chromosome, got 43 bytes"),
        (MadeVariant([[1, 2]] * 3, phased=2), "phased .1. or not .0., got 8 bits and 2"),
        (MadeVariant([[1, 2]] * 3, ploidies=[2, 3, 2]), "2 to 2 copies.*byte 3 for participant 2"),
        (MadeVariant([[1, 2]] * 3, ploidies=[2, 2, 1]), "2 to 2 copies.*byte 1 for participant 3"),
        (MadeVariant([[1, 2]] * 3, ploidies=[66, 2, 2]), "byte 66 for participant 1"),
        (
            MadeVariant([[1], [2], [3]], copies=[1] * 3, ploidies=[1, 2, 2]),
            r"1 to 1 copies.*byte 2 for participant 2 \(and 1 more",
        ),
        (
            MadeVariant([[1], [2, 3], [4, 5]], copies=[1, 2, 2], ploidies=[1, 2, 0]),
            "1 to 2 copies.*byte 0 for participant 3",
        ),
        (MadeVariant([[1, 2, 3]] * 3, copies=[3] * 3), "one or two copies.*got 3 to 3"),
        (MadeVariant([[1, 2], [3, 4], [5]]), "expected 6 probabilities of 8 bits, got 5 bytes"),
        (MadeVariant([[1, 2]] * 2), "expected the genotypes of 3 participants|expected 3 part"),
    ],
)
def test_genotypes_that_cannot_be_decoded_are_named(tmp_path, fault, message):
    path = write_bgen(tmp_path / "a.bgen", [MadeVariant([[255, 0]] * 3), fault])
    with pytest.raises(InputError, match=rf"a\.bgen: the variant.* at byte \d+.*({message})"):
        read(path)


@pytest.mark.parametrize("compression", [1, 2])
def test_damaged_bytes_are_named(tmp_path, compression):
    path = write_bgen(tmp_path / "a.bgen", [MadeVariant([[255, 0]] * 50)], compression=compression)
    data = bytearray(path.read_bytes())
    data[-12:] = b"x" * 12
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"copy (the file|it) again"):
        read(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file of 16-bit dosages with every kind of variant that is not tested, and people."""
    rng = np.random.default_rng(31)
    P = random_probabilities(rng, M, N, bits=16)
    missing = rng.random((M, N)) < 0.04
    x = rng.standard_normal(N)
    P[SAME] = [20_000, 30_000]
    missing[ABSENT] = True
    P[ALMOST_SAME] = np.column_stack([np.full(N, 20_000), 30_000 + rng.integers(0, 9, N)])
    P[INSIDE] = np.where(x[:, None] > 0, [65_535, 0], [0, 0])
    missing[INSIDE] = False
    P[FEW] = np.where(np.arange(N)[:, None] < 3, [65_500, 20], [65_535, 0])
    path = tmp_path_factory.mktemp("dosages") / "a.bgen"
    variants = [MadeVariant(p, missing=gone, bits=16) for p, gone in zip(P, missing, strict=True)]
    write_bgen(path, variants)
    G = np.where(missing, np.nan, dosages_of(P, 16))
    X = np.column_stack([np.ones(N), x, rng.standard_normal(N), x > 0])
    Y = rng.standard_normal((N, 2)) + 0.4 * np.nan_to_num(G[:1]).T
    return path, G, X, Y


def groups_of(made):
    rng = np.random.default_rng(6)
    return [rng.random(N) < 0.95, rng.random(N) < 0.6, np.ones(N, bool)]


def imputed(g):
    return np.where(np.isnan(g), np.nanmean(g), g)


def test_sums_are_exact(made):
    path, G, _, _ = made
    block, layout = read(path), DosageLayout(N)
    assert block.swapped.any()
    assert (block.units <= block.top[:, None]).all()
    for people in groups_of(made):
        found = block.sums(layout.mask(people), int(people.sum())).exchanged(block.swapped)
        g = G[:, people]
        np.testing.assert_array_equal(found.called, (~np.isnan(g)).sum(axis=1))
        np.testing.assert_allclose(found.alleles, np.nansum(g, axis=1), rtol=1e-12)
        np.testing.assert_allclose(found.squares, np.nansum(g**2, axis=1), rtol=1e-12)
        assert np.flatnonzero(found.constant).tolist() == [SAME]
        rows = np.array([0, 3, FEW])
        filled = alt_dosages(block, rows, layout, people, found)
        np.testing.assert_allclose(filled, [imputed(G[i, people]) for i in rows], rtol=1e-12)


def test_linear_equals_least_squares_in_groups_of_their_own_people(made):
    path, G, X, Y = made
    inside = groups_of(made)
    design = linear_design(DosageLayout(N), [(p, X[p], Y[p]) for p in inside])
    off = []
    for people, result in zip(inside, linear_block(read(path), design), strict=True):
        for i in range(M):
            if i in (SAME, ABSENT):
                assert np.isnan(result.beta[i]).all()
                assert np.isnan(result.unexplained[i])
                continue
            if i == INSIDE:
                assert result.unexplained[i] < 1e-9
                continue
            g = imputed(G[i, people])
            for q in range(2):
                # columns of like size, or least squares itself loses the small variance
                size = g.std()
                fit = sm.OLS(Y[people, q], np.column_stack([(g - g.mean()) / size, X[people]]))
                fit = fit.fit()
                beta, se = fit.params[0] / size, fit.bse[0] / size
                off.append(abs(result.beta[i, q] - beta) / se)
                np.testing.assert_allclose(result.se[i, q], se, rtol=1e-5)
                np.testing.assert_allclose(result.t[i, q], fit.tvalues[0], rtol=1e-4, atol=1e-5)
    print(f"\nlargest difference of beta {max(off):.1e} of its SE")
    assert max(off) < 1e-5


def test_scores_equal_their_formula(made):
    path, G, X, Y = made
    cases = (Y > 0.5).astype(float)
    inside = groups_of(made)[1]
    nulls = [NullModel.of(X[inside], y, fit_logistic(X[inside], y)) for y in cases[inside].T]
    design = logistic_design(DosageLayout(N), [(inside, X[inside], nulls)])
    result = score_block(read(path), design)[0]
    for i in range(M):
        if i in (SAME, ABSENT):
            assert np.isnan(result.z[i]).all()
            continue
        if i == INSIDE:
            assert (result.unexplained[i] < 1e-9).all()
            continue
        g = imputed(G[i, inside])
        for j, null in enumerate(nulls):
            left = null.without_covariates(g[None])[0]
            U, V = left @ (null.y - null.mu), (left * null.w) @ left
            np.testing.assert_allclose(result.z[i, j], U / np.sqrt(V), rtol=2e-5, atol=1e-6)
            np.testing.assert_allclose(result.beta[i, j], U / V, rtol=2e-5, atol=1e-6 / np.sqrt(V))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), tile=st.integers(1, 60))
def test_flip_order_and_tiles(tmp_path_factory, seed, tile):
    """Other alleles negate effects; the order of people and the size of tiles change nothing."""
    rng = np.random.default_rng(seed)
    n, m = 41, 4
    P = random_probabilities(rng, m, n)
    gone = rng.random((m, n)) < 0.1
    other = np.stack([255 - P.sum(axis=2), P[:, :, 1]], axis=2)
    order = rng.permutation(n)
    X, Y = np.column_stack([np.ones(n), rng.standard_normal(n)]), rng.standard_normal((n, 2))
    folder = tmp_path_factory.mktemp("flip")

    def tested(values, missing, rows):
        made = [MadeVariant(v, missing=g) for v, g in zip(values, missing, strict=True)]
        path = write_bgen(folder / "a.bgen", made)
        design = linear_design(DosageLayout(n), [(np.ones(n, bool), X[rows], Y[rows])])
        return linear_block(read(path), design)[0]

    one = tested(P, gone, np.arange(n))
    two = tested(other, gone, np.arange(n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dosages_module, "_TILE_PEOPLE", tile)
        three = tested(P[:, order], gone[:, order], order)
    np.testing.assert_allclose(two.t, -one.t, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(two.se, one.se, rtol=1e-5)
    np.testing.assert_allclose(two.sums.alleles, 2 * one.sums.called - one.sums.alleles)
    np.testing.assert_allclose(three.t, one.t, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(three.sums.alleles, one.sums.alleles, rtol=1e-13)


def test_what_goes_to_other_processes(made):
    path, G, _, _ = made
    file = pickle.loads(pickle.dumps(BgenFile(path, N, 1)))
    table = read_variants(read_header(path))
    block = pickle.loads(pickle.dumps(read_dosages([file], *places(table), np.arange(N))))
    np.testing.assert_allclose(alt(block)[0], G[0], rtol=1e-12)
