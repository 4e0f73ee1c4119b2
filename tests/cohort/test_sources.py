"""What a source has, and that a new format is one module and one registration."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from made_bgen import MadeVariant, write_bgen
from made_cohorts import bed_cohort, genotypes

import gwasbone as gb
from gwasbone import session
from gwasbone.blocks import packed
from gwasbone.blocks.packed import PeopleColumns
from gwasbone.cohort import read
from gwasbone.cohort.chosen_variants import dosages_of
from gwasbone.cohort.sources import source as source_module
from gwasbone.cohort.sources.bed_reader import PackedGenotypes, without_sex_errors
from gwasbone.cohort.sources.source import (
    Capabilities,
    Genotypes,
    Participants,
    Source,
    variant_blocks,
)
from gwasbone.cohort.sources.tables import build_people_table, build_variant_table
from gwasbone.cohort.statistics import people_statistics, variant_statistics
from gwasbone.errors import NotBuiltError, UsageError

N, M = 90, 240


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A .bed on chromosomes 1, 2 and X with missing calls, and its G (m, n)."""
    rng = np.random.default_rng(5)
    G = genotypes(rng, rng.uniform(0.1, 0.9, M), N)
    G[rng.random(G.shape) < 0.02] = -1
    chromosome = np.repeat([1, 2, 23], [100, 77, 63])
    position = 3_000_000 + 1000 * np.arange(M)
    folder = tmp_path_factory.mktemp("sources")
    sex = np.arange(N) % 2 + 1
    return bed_cohort(folder, G, chromosome=chromosome, position=position, sex=sex), G


@dataclass(frozen=True)
class ArrayCalls:
    """A ``CallReader`` of an array in memory."""

    G: np.ndarray
    people: Participants
    as_filed: bool

    @property
    def columns(self):
        return PeopleColumns.of(np.arange(self.people.n), n_people=self.people.n)

    @property
    def everyone(self):
        return self.columns.mask(np.ones(self.people.n, bool))

    @property
    def men(self):
        return self.columns.mask(self.people.men)

    @property
    def build(self):
        return self.people.build

    def blocks(self, variants):
        return variant_blocks(variants, 13)

    def read(self, variants):
        G = self.G[variants["line"].to_numpy()][:, self.people.kept]
        bits = np.choose(np.where(G < 0, 3, G), [3, 2, 0, 1]).astype(np.uint64)
        full = np.zeros((len(G), self.columns.n_slots), np.uint64)
        full[:, : G.shape[1]] = bits
        shifts = np.arange(packed.PEOPLE_PER_WORD, dtype=np.uint64) * np.uint64(2)
        words = np.bitwise_or.reduce(full.reshape(len(G), -1, packed.PEOPLE_PER_WORD) << shifts, 2)
        return words if self.as_filed else without_sex_errors(words, variants, self)


@dataclass(frozen=True)
class ArraySource(Source):
    """A format that gwasbone does not have: the genotypes are an array in memory."""

    G: np.ndarray
    files = ()
    place_columns = ("line",)
    capabilities = Capabilities(
        calls=True, dosages=False, sex=True, genetic_map=False, blocks=True, matrix_table=False
    )

    def describe(self):
        return "an array"

    def calls(self, people, *, as_filed=False):
        return ArrayCalls(self.G, people, as_filed)

    def genotypes(self, people):
        return PackedGenotypes(self.calls(people))


def read_array(location, options):
    """What the module of a new format has to have."""
    cohort, G = location
    people, variants = cohort.people.table, cohort.variants.table
    raw = variants[["chromosome", "base_pair_location", "ref", "alt", "source_id"]].astype(
        {"chromosome": str}
    )
    raw["chromosome"] = raw["chromosome"].replace("23", "X")
    return Genotypes(
        ArraySource(G),
        options.build,
        build_people_table(
            people["fid"], people["iid"], people["sex"], id_rule=options.id_rule, where="an array"
        ),
        build_variant_table(
            raw.assign(line=np.arange(len(raw))), build=options.build, where="an array"
        ),
    )


@pytest.fixture
def arrayed(made, monkeypatch):
    monkeypatch.setitem(read.FORMATS, "array", read.Format(__name__, "read_array", True))
    monkeypatch.setattr(session, "hail", lambda: pytest.fail("Hail was asked for"))
    return gb.read_genotypes(array=made, build="GRCh37")


def _subset(cohort):
    cohort = cohort.exclude_people("t", "some", np.arange(N) % 9 == 0, description="")
    return cohort.exclude_variants("t", "some", np.arange(M) % 7 == 0, description="")


def test_a_new_format_has_everything_that_is_read_in_blocks(made, arrayed):
    theirs, ours = (_subset(cohort) for cohort in (made[0], arrayed))
    pd.testing.assert_frame_equal(people_statistics(ours), people_statistics(theirs))
    pd.testing.assert_frame_equal(variant_statistics(ours), variant_statistics(theirs))
    np.testing.assert_array_equal(*(dosages_of(c, np.arange(0, M, 11)) for c in (ours, theirs)))
    np.testing.assert_array_equal(*(gb.prune(c, r2=0.2).index for c in (ours, theirs)))
    scores = [gb.principal_components(c, np.ones(M, bool), k=2).scores for c in (ours, theirs)]
    pd.testing.assert_frame_equal(*scores)
    people = ours.people.table
    table = pd.DataFrame({"y": np.random.default_rng(1).normal(size=N)}, index=people.index)
    tables = [
        gb.associate(c, ["y"], phenotypes=table, executor="local").table("y")
        for c in (ours, theirs)
    ]
    pd.testing.assert_frame_equal(*tables, rtol=1e-5, atol=1e-6)


def test_a_format_without_hail_says_so_in_one_line(arrayed):
    with pytest.raises(NotBuiltError, match=r"an array: Hail cannot read this format; use engine"):
        _ = arrayed.mt
    with pytest.raises(UsageError, match="a window in cM needs"):
        gb.ld_table(arrayed, window="1cM")


def test_formats_are_picked_by_registration(made):
    with pytest.raises(
        UsageError, match="one of bfile, pfile, pgen, bgen, vcf, bcf, mt, got array"
    ):
        gb.read_genotypes(array=made, build="GRCh37")
    with pytest.raises(
        UsageError, match=r"exactly one of bfile, pfile, pgen, bgen, vcf, bcf and mt.*got none"
    ):
        gb.read_genotypes(build="GRCh37")
    with pytest.raises(UsageError, match="bfile: the file does not state its reference build"):
        gb.read_genotypes(bfile="x")


def test_what_bed_files_have(made):
    has = made[0].source.capabilities
    assert has == Capabilities(
        calls=True, dosages=False, sex=True, genetic_map=True, blocks=True, matrix_table=True
    )


@pytest.mark.parametrize("sex", [True, False])
def test_what_bgen_files_have(tmp_path, sex):
    path = write_bgen(tmp_path / "a.bgen", [MadeVariant([[255, 0], [0, 255]])], sex=[1, 2])
    if not sex:
        sample = path.with_suffix(".sample")
        lines = [line.rpartition(" ")[0] for line in sample.read_text().splitlines()]
        sample.write_text("\n".join(lines) + "\n")
    cohort = gb.read_genotypes(bgen=str(path), sample=tmp_path / "a.sample", build="GRCh37")
    assert cohort.source.capabilities == Capabilities(
        calls=True, dosages=True, sex=sex, genetic_map=False, blocks=True, matrix_table=True
    )
    assert cohort.people.table["sex"].tolist() == ([1, 2] if sex else [0, 0])


@pytest.mark.hail
def test_what_a_matrix_table_has(made, hail_session):
    cohort = gb.Cohort.from_mt(made[0].mt.drop("dosage"))
    assert cohort.source.capabilities == Capabilities(
        calls=True, dosages=False, sex=True, genetic_map=False, blocks=False, matrix_table=True
    )
    with pytest.raises(NotBuiltError, match="MatrixTable: cannot be read in blocks; use engine"):
        cohort.source.genotypes(cohort.participants)
    without = gb.Cohort.from_mt(made[0].mt.select_cols().select_entries("dosage"))
    assert without.source.capabilities == replace(
        cohort.source.capabilities, calls=False, dosages=True, sex=False
    )


@pytest.mark.parametrize("per_block", [1, 7, 10_000])
def test_no_block_crosses_a_chromosome_and_each_knows_its_variants(made, per_block):
    table = made[0].variants.table
    blocks = list(variant_blocks(table, per_block))
    pd.testing.assert_frame_equal(pd.concat([b.variants for b in blocks]), table)
    for block in blocks:
        assert 0 < len(block) <= per_block
        assert (table.loc[block.rows, "chromosome"] == block.chromosome).all()
    if per_block > M:
        assert [len(b) for b in blocks] == [100, 77, 63]
    assert list(variant_blocks(table.iloc[:0], per_block)) == []


def test_the_calls_that_genotypes_come_with(made):
    cohort, G = made
    filled = np.empty((M, N), np.int8)
    reader = cohort.source.genotypes(cohort.participants)
    reader.read(cohort.variants.table, calls=filled)
    autosomal = cohort.variants.table["chromosome"].to_numpy() < 23
    np.testing.assert_array_equal(filled[autosomal], G[autosomal])
    X = np.where((G == 1) & cohort.participants.men, -1, G)[~autosomal]
    np.testing.assert_array_equal(filled[~autosomal], X)


def test_the_example_of_blocks():
    import doctest

    assert doctest.testmod(source_module).failed == 0
