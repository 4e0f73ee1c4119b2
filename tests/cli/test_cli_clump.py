"""``gwasbone clump`` from the command line."""

import gzip

import click
import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.cli.clump import command
from gwasbone.errors import InputError, UsageError

HEADER = (
    "chromosome base_pair_location effect_allele other_allele beta standard_error "
    "effect_allele_frequency neg_log_10_p_value n source_id"
)


@pytest.fixture
def files(tmp_path):
    a, b = [2, 2, 2, 2, 0, 0, 0, 0], [2, 0, 0, 2, 2, 2, 0, 0]
    to_bed(
        tmp_path / "g.bed",
        np.array([a, a, b], dtype=np.float32).T,
        properties={
            "iid": [f"p{i}" for i in range(8)], "fid": ["f"] * 8, "sex": [2] * 8,
            "chromosome": ["23"] * 3, "bp_position": [10_001_000, 10_002_000, 10_003_000],
            "sid": ["rs1", "rs2", "rs3"], "allele_1": ["G"] * 3, "allele_2": ["A"] * 3,
        },
    )  # fmt: skip
    rows = [
        f"23 {10_000_000 + at} G A 0.1 0.1 0.5 {p} 8 rs"
        for at, p in ((1000, 7.25), (2000, 320), (3000, 2.5), (9000, 12))
    ]
    text = "\n".join("\t".join(line.split()) for line in [HEADER, *rows]) + "\n"
    (tmp_path / "scan.tsv.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def clump(files, *arguments):
    words = [
        "--sumstats", files / "scan.tsv.gz", "--bfile", files / "g", "--build", "GRCh37",
        "--out", files / "out", *arguments,
    ]  # fmt: skip
    group = click.Group(commands={"clump": command})
    group.main(
        ["clump", *map(str, words)], prog_name="gwasbone", standalone_mode=False, obj=["clump"]
    )


def test_clumps_are_written_with_a_log(files, capsys):
    clump(files)
    table = pd.read_csv(files / "out.clumps.tsv", sep="\t", keep_default_na=False)
    assert table["chromosome"].tolist() == ["X"]
    assert table["variant"].tolist() == ["rs2"]
    assert table["neg_log10_p"].tolist() == [320]
    assert table["members"].tolist() == ["rs1"]
    assert "1 clumps of 3 variants (1 more are not in the genotypes)" in capsys.readouterr().out
    text = (files / "out.log").read_text()
    assert "3 variants of the scan have genotypes, 1 have none" in text
    assert "option p1 = 0.0001" in text


def test_plinks_option_names(files):
    clump(files, "--p1", "5e-3", "--p2", "5e-3", "--r2", "0.9", "--kb", "0.5")
    table = pd.read_csv(files / "out.clumps.tsv", sep="\t", keep_default_na=False)
    assert table["variant"].tolist() == ["rs2", "rs1", "rs3"]
    assert set(table["members"]) == {"NA"}


def test_nothing_is_overwritten_unless_forced(files):
    clump(files)
    with pytest.raises(InputError, match="--force"):
        clump(files)
    clump(files, "--force")


def test_wrong_numbers_and_files_leave_no_table(files):
    with pytest.raises(UsageError, match="p1 <= p2"):
        clump(files, "--p1", "0.5", "--p2", "0.1")
    (files / "scan.tsv.gz").write_bytes(gzip.compress(b"SNP\tP\nrs1\t0.1\n"))
    with pytest.raises(InputError, match="GWAS-SSF columns"):
        clump(files)
    with pytest.raises(InputError, match="no_such"):
        clump(files, "--sumstats", str(files / "no_such.tsv"))
    assert not (files / "out.clumps.tsv").exists()
