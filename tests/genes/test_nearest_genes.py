"""Which genes lie near variants: hand-worked borders, and brute force over random genomes."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import UsageError
from gwasbone.genes.nearest import genes_in_windows, nearest_genes
from gwasbone.genes.table import Genes


def genes_of(rows):
    names = ["chromosome", "start_bp", "end_bp", "strand", "name"]
    table = pd.DataFrame(rows, columns=names).assign(biotype="")
    return Genes(table, "GRCh37", "made")


GENES = genes_of(
    [
        (7, 1, 100, "+", "FIRST"),
        (7, 1001, 2000, "+", "PLUS"),
        (7, 1501, 2500, "-", "MINUS"),
        (7, 4000, 5000, "", "UNKNOWN"),
        (23, 700, 900, "-", "ONX"),
    ]
)


def near(position, chromosome=7, genes=GENES):
    row = nearest_genes(genes, [chromosome], [position]).iloc[0]
    return row["name"], row["strand"], row["distance_to_gene_bp"], row["distance_to_tss_bp"]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (1, ("FIRST", "+", 0, 0)),
        (100, ("FIRST", "+", 0, 99)),
        (101, ("FIRST", "+", 1, 100)),
        (1000, ("PLUS", "+", 1, -1)),
        (1001, ("PLUS", "+", 0, 0)),
        # inside both: PLUS starts 599 away, MINUS (which starts at its end) 900
        (1600, ("PLUS", "+", 0, 599)),
        (1900, ("MINUS", "-", 0, 600)),
        # both starts are 749.5 away on either side of 1750.5; the next base decides
        (1750, ("PLUS", "+", 0, 749)),
        (1751, ("MINUS", "-", 0, 749)),
        (2501, ("MINUS", "-", 1, -1)),
        # 450 to the end of FIRST, 451 to the start of PLUS
        (550, ("FIRST", "+", 450, 549)),
    ],
)
def test_nearest_by_hand(position, expected):
    assert near(position) == expected


def test_unknown_strand_has_no_distance_to_a_start():
    name, strand, to_gene, to_tss = near(6000)
    assert (name, strand, to_gene) == ("UNKNOWN", "", 1000)
    assert np.isnan(to_tss)


def test_a_tie_of_distance_goes_by_start_then_place_then_name():
    same = [(1, 100, 200, "+", "B"), (1, 100, 200, "+", "A"), (1, 300, 400, "", "C")]
    # 50 to the bodies of all three; A and B start here, C does not say where it does
    assert near(250, 1, genes_of(same))[0] == "A"
    left_right = [(1, 100, 200, "-", "LEFT"), (1, 300, 400, "+", "RIGHT")]
    assert near(250, 1, genes_of(left_right)) == ("LEFT", "-", 50, -50)
    assert near(250, 1, genes_of(left_right[::-1]))[0] == "LEFT"


def test_a_chromosome_without_genes_and_no_genes_at_all():
    for genes in (GENES, genes_of([])):
        found = nearest_genes(genes, [12], [5])
        assert found["gene"].tolist() == [-1]
        assert found["name"].tolist() == [""]
        assert found["distance_to_gene_bp"].isna().all()
        assert genes_in_windows(genes, [12], [5]).empty
    assert nearest_genes(GENES, [], []).empty
    assert near(950, 23) == ("ONX", "-", 50, -50)


def test_genes_in_a_window_with_its_borders():
    found = genes_in_windows(GENES, [7, 12, 7], [3000, 1, 1], window_bp=1000)
    rows = found[["query", "name", "distance_to_gene_bp"]].to_numpy().tolist()
    assert rows == [
        [0, "MINUS", 500], [0, "PLUS", 1000], [0, "UNKNOWN", 1000],
        [2, "FIRST", 0], [2, "PLUS", 1000],
    ]  # fmt: skip
    assert len(genes_in_windows(GENES, [7], [3000], window_bp=999)) == 1
    with pytest.raises(UsageError, match="0 bp or more"):
        genes_in_windows(GENES, [7], [1], window_bp=-1)


def brute_force(genes, chromosome, position):
    """(distance, distance to start, start, name, row) of all genes of a chromosome."""
    found = []
    for row, g in enumerate(genes.table.itertuples()):
        if g.chromosome == chromosome:
            outside = max(g.start_bp - position, position - g.end_bp, 0)
            start = {"+": g.start_bp, "-": g.end_bp}.get(g.strand)
            away = np.inf if start is None else abs(position - start)
            found.append((outside, away, g.start_bp, g.name, row))
    return sorted(found)


def test_random_genomes_against_brute_force():
    rng = np.random.default_rng(3)
    n, m = 300, 400
    start = rng.integers(1, 20_000, n)
    genes = genes_of(
        {
            "chromosome": rng.choice([1, 2, 23], n), "start_bp": start,
            "end_bp": start + rng.geometric(1 / 300, n), "strand": rng.choice(["+", "-", ""], n),
            "name": [f"G{i % 250}" for i in range(n)],
        }
    )  # fmt: skip
    chromosome, position = rng.choice([1, 2, 3, 23], m), rng.integers(1, 22_000, m)
    nearest = nearest_genes(genes, chromosome, position)
    windows = genes_in_windows(genes, chromosome, position, window_bp=400)
    n_tied = 0
    for i in range(m):
        want = brute_force(genes, chromosome[i], position[i])
        assert nearest["gene"][i] == (want[0][-1] if want else -1)
        if want:
            assert nearest["distance_to_gene_bp"][i] == want[0][0]
            n_tied += len(want) > 1 and want[0][0] == want[1][0]
        mine = windows[windows["query"] == i]
        assert mine["gene"].tolist() == [w[-1] for w in want if w[0] <= 400]
        assert mine["distance_to_gene_bp"].tolist() == [w[0] for w in want if w[0] <= 400]
    assert n_tied > 50


def test_distance_to_the_start_changes_sign_with_the_strand():
    rows = [(1, 1000, 2000, "+", "A")]
    mirrored = [(1, 1000, 2000, "-", "A")]
    for position in (500, 1200, 2600):
        one = near(position, 1, genes_of(rows))[3]
        # the mirror image of the position about the gene's middle
        other = near(3000 - position, 1, genes_of(mirrored))[3]
        assert one == other
