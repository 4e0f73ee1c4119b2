"""The hand-made list of genes known for bone, and how it compares with real tables."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import UsageError
from gwasbone.genes.bone import bone_genes, build_by_bone_genes, known_bone_genes
from gwasbone.genes.files import read_genes
from gwasbone.genome import LENGTHS_BP

BUILDS = ("GRCh37", "GRCh38")
ASKED_FOR = {
    "WNT16", "ESR1", "TNFSF11", "TNFRSF11A", "TNFRSF11B", "SOST", "LRP5", "CCDC170", "GPC6",
    "TBX15", "SUPT3H", "CCDC91", "GDF5",
}  # fmt: skip


def test_every_gene_is_there_once_on_both_builds():
    one, other = (bone_genes(build) for build in BUILDS)
    assert not one["gene"].duplicated().any()
    assert set(one["gene"]) == set(other["gene"])
    assert set(one["gene"]) >= ASKED_FOR
    both = one.merge(other, on="gene", suffixes=("", "_38"))
    for same in ("chromosome", "strand", "known_for", "source", "aliases"):
        assert (both[same] == both[f"{same}_38"]).all()
    with pytest.raises(UsageError, match="hg19"):
        bone_genes("hg19")


@pytest.mark.parametrize("build", BUILDS)
def test_places_and_words_are_complete(build):
    table = bone_genes(build)
    assert (table["start_bp"] % 1000 == 1).all()
    assert (table["end_bp"] % 1000 == 0).all()
    assert (table["start_bp"] < table["end_bp"]).all()
    assert (table["end_bp"] <= table["chromosome"].map(LENGTHS_BP[build])).all()
    assert set(table["strand"]) == {"+", "-"}
    assert (table["known_for"].str.len() > 5).all()
    assert (table["source"].str.len() > 10).all()
    assert len(known_bone_genes(build)) == len(table) > 50


def test_the_build_of_a_table_is_seen_by_the_genes_it_shares():
    tables = {b: bone_genes(b).rename(columns={"gene": "name"}) for b in BUILDS}
    for build in BUILDS:
        assert build_by_bone_genes(tables[build]) == build
        few = tables[build].query("name in ('SOST', 'LRP5')")
        assert build_by_bone_genes(few) == build
        old = few.assign(name=["none", "other"])
        assert build_by_bone_genes(old) is None
    half = pd.concat([tables["GRCh37"][:40], tables["GRCh38"][40:]])
    assert build_by_bone_genes(half) is None


@pytest.mark.real
@pytest.mark.parametrize(
    ("build", "file"), [("GRCh37", "NCBI37.3.gene.loc"), ("GRCh38", "genes.hg38.v32.tsv")]
)
def test_every_place_against_a_real_table(shared_data, build, file):
    genes = read_genes(shared_data / "reference" / "genes" / file)
    assert genes.build == build
    places = genes.table
    for known in bone_genes(build).itertuples():
        names = [known.gene, *known.aliases.split(",")]
        found = places[places["name"].isin(names)]
        assert len(found) == 1, known.gene
        row = found.iloc[0]
        assert row["chromosome"] == known.chromosome
        assert 0 <= row["start_bp"] - known.start_bp < 1000, known.gene
        assert 0 <= known.end_bp - row["end_bp"] < 1000, known.gene
        assert row["strand"] in ("", known.strand), known.gene


@pytest.mark.real
def test_near_real_variants(shared_data):
    """rs3779381 lies in an intron of WNT16 (GRCh37)."""
    from gwasbone.genes.nearest import genes_in_windows, nearest_genes

    genes = read_genes(shared_data / "reference" / "genes" / "NCBI37.3.gene.loc")
    row = nearest_genes(genes, [7], [120_974_765]).iloc[0]
    assert (row["name"], row["strand"], row["distance_to_gene_bp"]) == ("WNT16", "+", 0)
    names = genes_in_windows(genes, [7], [120_974_765])["name"].tolist()
    assert names[:3] == ["WNT16", "FAM3C", "CPED1"]
    # against numpy, over the genome
    rng = np.random.default_rng(8)
    chromosome, position = rng.integers(1, 25, 300), rng.integers(1, 60_000_000, 300)
    found = nearest_genes(genes, chromosome, position)
    t = genes.table
    for i in range(300):
        on = t[t["chromosome"] == chromosome[i]]
        away = np.maximum(0, np.maximum(on["start_bp"] - position[i], position[i] - on["end_bp"]))
        assert found["distance_to_gene_bp"][i] == away.min()
