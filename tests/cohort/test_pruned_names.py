"""Names of pruned variants, as --extract takes them back."""

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

import gwasbone as gb
from gwasbone.cohort import subsets
from gwasbone.cohort.pruned import write_pruned


@pytest.fixture
def cohort(tmp_path):
    told = {
        "chromosome": ["1"] * 5,
        "bp_position": [10, 20, 20, 30, 40],
        "sid": ["rs1", "rs2", "rs2", ".", "odd,name"],
        "allele_1": ["A", "A", "C", "A", "A"],
        "allele_2": ["G"] * 5,
        "iid": ["a", "b", "c"],
    }
    to_bed(tmp_path / "x.bed", np.array([[0, 1, 2, 1, 0]] * 3, dtype=np.float32), properties=told)
    return gb.read_genotypes(bfile=str(tmp_path / "x"), build="GRCh37")


def test_an_id_that_a_variant_left_out_has_too_names_neither(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(subsets, "_NAMED_TOGETHER", 2)
    pruned = cohort.variants.table.iloc[[0, 2, 3, 4]]
    write_pruned(pruned, cohort, tmp_path / "out")
    path = tmp_path / "out.prune.in"
    assert path.read_text() == "rs1\n1:20:G:C\n1:30:G:A\nodd,name\n"
    back = subsets.subset(cohort, extract=path)
    pd.testing.assert_frame_equal(back.variants.kept_table(), pruned)
