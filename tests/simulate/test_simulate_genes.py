"""Made-up genes lie where the simulated variants lie, and the reader of genes takes them."""

import pandas as pd

from gwasbone.genes.bone import bone_genes
from gwasbone.genes.files import read_genes
from gwasbone.simulate import SimulationSettings
from gwasbone.simulate.demo import simulate_genes
from gwasbone.simulate.places import place_segments


def test_genes_lie_on_the_segments_and_have_names_of_their_own():
    settings = SimulationSettings()
    genes = simulate_genes(settings)
    segments = place_segments(settings)
    assert len(genes) == sum(max(1, s.length_bp // 100_000) for s in segments)
    on_one = [
        any(
            s.chromosome == g.chromosome
            and s.start_bp <= g.start_bp <= g.end_bp < s.start_bp + s.length_bp
            for s in segments
        )
        for g in genes.itertuples()
    ]
    assert all(on_one)
    assert genes["gene"].is_unique
    assert not set(genes["gene"]) & set(bone_genes("GRCh37")["gene"])
    lengths = genes["end_bp"] - genes["start_bp"]
    assert 10_000 < lengths.median() < 40_000
    pd.testing.assert_frame_equal(genes, simulate_genes(settings))
    assert not genes.equals(simulate_genes(SimulationSettings(seed=settings.seed + 1)))


def test_the_table_is_read_as_genes(tmp_path):
    made = simulate_genes(SimulationSettings())
    made.to_csv(tmp_path / "genes.tsv", sep="\t", index=False)
    genes = read_genes(tmp_path / "genes.tsv", build="GRCh37")
    assert len(genes) == len(made)
    assert set(genes.table["name"]) == set(made["gene"])
