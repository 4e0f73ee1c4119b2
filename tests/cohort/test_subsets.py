"""Lists of variants: every way in which a place with its alleles is spelt."""

from __future__ import annotations

import numpy as np
import pytest
from bed_reader import to_bed

import gwasbone as gb
from gwasbone.cohort.subsets import subset
from gwasbone.errors import InputError

#: chromosome, position, REF and ALT of the fileset's variants; 26 is PLINK's mitochondria.
PLACES = [("1", 100, "G", "A"), ("1", 200, "C", "CTT"), ("23", 70_000, "T", "C"),
          ("26", 73, "A", "G"), ("2", 100, "G", "A")]  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("subsets") / "x.bed"
    chromosome, position, ref, alt = zip(*PLACES, strict=True)
    properties = {
        "fid": ["0"] * 4, "iid": list("abcd"), "sex": [2] * 4, "chromosome": list(chromosome),
        "sid": [f"v{i}" for i in range(5)], "bp_position": list(position),
        "allele_1": list(alt), "allele_2": list(ref),
    }  # fmt: skip
    to_bed(path, np.tile([[0], [1], [1], [2]], 5).astype(np.float32), properties=properties)
    return gb.read_genotypes(bfile=str(path), build="GRCh37")


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["v1", "v4"], ["v1", "v4"]),
        (["1_100_G_A", "23_70000_T_C", "25_73_A_G"], ["v0", "v2", "v3"]),  # our own variant_id
        (["1:100:G:A", "chrX:70000:T:C", "chrM:73:A:G"], ["v0", "v2", "v3"]),
        (["X:70000:T:C", "MT:73:A:G"], ["v2", "v3"]),
        (["chr2-100-G-A", "x_70000_T_C", "26:73:A:G"], ["v2", "v3", "v4"]),
        (["01:200:C:CTT"], ["v1"]),
    ],
)
def test_extract_takes_a_place_in_any_spelling(cohort, tmp_path, words, kept):
    (tmp_path / "list").write_text("\n".join(words) + "\n")
    chosen = subset(cohort, extract=tmp_path / "list").variants.kept_table()
    assert sorted(chosen["source_id"]) == kept
    left = subset(cohort, exclude=tmp_path / "list").variants.kept_table()
    assert set(left["source_id"]) == {f"v{i}" for i in range(5)} - set(kept)


def test_another_allele_or_place_is_another_variant(cohort, tmp_path):
    (tmp_path / "list").write_text("1_100_A_G\n1:101:G:A\nchrUn:100:G:A\n")
    with pytest.raises(InputError, match=r"none of the 3 listed is one.*1:100:G:A"):
        subset(cohort, extract=tmp_path / "list")
