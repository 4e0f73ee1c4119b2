"""``gwasbone clump`` from the command line."""

import gzip
import importlib

import click
import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.cli import COMMANDS
from gwasbone.cli.clump import command
from gwasbone.errors import InputError, UsageError
from gwasbone.loci.loci import LOCUS_COLUMNS

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
        f"23 {10_000_000 + at} G A 0.1 {se} 0.5 {p} 8 rs"
        for at, p, se in (
            (1000, 7.25, 0.0184), (2000, 320, 0.0026), (3000, 2.5, 0.0339), (9000, 12, 0.0141)
        )
    ]  # fmt: skip
    text = "\n".join("\t".join(line.split()) for line in [HEADER, *rows]) + "\n"
    (tmp_path / "scan.tsv.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def run(*arguments):
    group = click.Group(commands={"clump": command})
    group.main(
        ["clump", *map(str, arguments)], prog_name="gwasbone", standalone_mode=False, obj=["clump"]
    )


def clump(files, *arguments):
    run(
        "--sumstats", files / "scan.tsv.gz", "--bfile", files / "g", "--build", "GRCh37",
        "--out", files / "out", *arguments,
    )  # fmt: skip


def read(path):
    return pd.read_csv(path, sep="\t", keep_default_na=False)


def test_clumps_are_written_with_a_log(files, capsys):
    clump(files, "--rule", "plink")
    table = read(files / "out.clumps.tsv")
    assert table["trait"].tolist() == ["scan"]
    assert table["chromosome"].tolist() == ["X"]
    assert table["variant"].tolist() == ["rs2"]
    assert table["neg_log_10_p_value"].tolist() == [320]
    assert table["members"].tolist() == ["rs1"]
    assert table["by"].tolist() == ["ld"]
    assert "1 clumps of 3 variants (1 more are not in the genotypes)" in capsys.readouterr().out
    text = (files / "out.clump.log").read_text()
    assert "3 variants of the scan have genotypes, 1 have none" in text
    assert "option p1 = 0.0001" in text


def test_plinks_option_names(files):
    clump(files, "--p1", "5e-3", "--p2", "5e-3", "--r2", "0.9", "--kb", "0.5")
    table = read(files / "out.clumps.tsv")
    assert table["variant"].tolist() == ["rs2", "rs1", "rs3"]
    assert set(table["members"]) == {"NA"}


GENES = """chrom\tstart\tend\tstrand\tgene
chrX\t10001500\t10001900\t-\tNEAR
X\t10600000\t10600001\t+\tFAR
"""


def test_loci_with_genes_of_several_scans(files, capsys):
    (files / "genes.tsv").write_text(GENES)
    (files / "a.two.tsv.gz").write_bytes((files / "scan.tsv.gz").read_bytes())
    (files / "a.two.untested.tsv.gz").write_bytes(b"")
    clump(
        files, files / "a.two.tsv.gz", files / "a.two.untested.tsv.gz", "--genes",
        files / "genes.tsv", "--genes-build", "hg19", "--gene-window", "700",
    )  # fmt: skip
    table = read(files / "out.loci.tsv")
    assert table.columns.tolist() == list(LOCUS_COLUMNS)
    # positional files come first
    assert table["trait"].tolist() == ["two", "scan"]
    assert table["locus"].tolist() == [1, 1]
    row = table.iloc[1].to_dict()
    assert row["chromosome"] == "X"
    assert (row["start_bp"], row["end_bp"], row["n_clumps"]) == (10_001_000, 10_002_000, 1)
    assert row["lead_variant_id"] == "23_10002000_A_G"
    assert (row["beta"], row["standard_error"], row["n"], row["neg_log_10_p_value"]) == (
        0.1,
        0.0026,
        8,
        320,
    )
    assert (row["nearest_gene"], row["strand"]) == ("NEAR", "-")
    assert (row["distance_to_gene_bp"], row["distance_to_tss_bp"]) == (100, -100)
    assert row["genes_in_window"] == "NEAR,FAR"
    assert row["known_bone_genes"] == "NA"
    assert "1 loci in 2 scans" in capsys.readouterr().out


def test_missing_gene_columns_are_na(files):
    clump(files)
    row = read(files / "out.loci.tsv").iloc[0]
    for name in ("nearest_gene", "distance_to_gene_bp", "strand", "genes_in_window"):
        assert row[name] == "NA"
    assert "option r2 = 0.1" in (files / "out.clump.log").read_text()


def test_without_genotypes_distance_has_to_be_asked_for(files, capsys, monkeypatch):
    monkeypatch.chdir(files)
    words = [files / "scan.tsv.gz", "--out", files / "out"]
    with pytest.raises(UsageError, match="--distance-only"):
        run(*words)
    with pytest.raises(UsageError, match="--build"):
        run(*words, "--distance-only")
    run(*words, "--distance-only", "--build", "GRCh38", "--regional")
    table = read(files / "out.clumps.tsv")
    assert table["n_members"].tolist() == [3]
    assert table["by"].tolist() == ["distance"]
    assert "by distance alone, without LD" in capsys.readouterr().out
    assert "No linkage disequilibrium is known" in (files / "out.regional.html").read_text()


def test_a_sidecar_tells_the_build(files):
    (files / "scan.tsv.gz-meta.yaml").write_text("genome_assembly: GRCh38\n")
    with pytest.raises(UsageError, match="scans GRCh38"):
        clump(files)
    run(files / "scan.tsv.gz", "--distance-only", "--out", files / "out")
    (files / "genes.tsv").write_text(GENES)
    with pytest.raises(UsageError, match="genes GRCh37"):
        run(
            files / "scan.tsv.gz", "--distance-only", "--out", files / "other",
            "--genes", files / "genes.tsv", "--genes-build", "GRCh37",
        )  # fmt: skip
    assert not (files / "other.loci.tsv").exists()


def test_regional_plots(files):
    (files / "genes.tsv").write_text(GENES)
    (files / "map.txt").write_text("chr pos rate\nX 10001000 3\nX 10002000 1\n")
    clump(
        files, "--regional", "3", "--genes", files / "genes.tsv", "--genes-build", "GRCh37",
        "--genetic-map", files / "map.txt",
    )  # fmt: skip
    page = (files / "out.regional.html").read_text()
    assert "scan: X:10,002,000 (near NEAR)" in page
    assert "Recombination (cM/Mb)" in page
    with pytest.raises(InputError, match="--force"):
        clump(files, "--regional")


def test_no_hits_give_empty_tables_and_no_page(files, capsys):
    clump(files, "--p1", "1e-321", "--p2", "1e-300", "--regional")
    assert len(read(files / "out.loci.tsv")) == 0
    assert len(read(files / "out.clumps.tsv")) == 0
    assert not (files / "out.regional.html").exists()
    assert "0 loci in 1 scans" in capsys.readouterr().out


def test_nothing_is_overwritten_unless_forced(files):
    clump(files)
    with pytest.raises(InputError, match="--force"):
        clump(files)
    clump(files, "--force")


def test_wrong_numbers_and_files_leave_no_table(files):
    with pytest.raises(UsageError, match="expected at most p2"):
        clump(files, "--p1", "0.5", "--p2", "0.1")
    with pytest.raises(InputError, match="no_such"):
        clump(files, "--sumstats", str(files / "no_such.tsv"))
    with pytest.raises(UsageError, match="both hold a scan called scan"):
        clump(files, files / "scan.tsv.gz")
    with pytest.raises(UsageError, match="hg18"):
        clump(files, "--genes-build", "hg18")
    assert not (files / "out.clumps.tsv").exists()


def test_the_limit_of_compressed_tables_is_a_flag_and_a_key_of_a_study(files, monkeypatch):
    far = "X\t90000000\t90000001\t+\tFAR\n" * 50
    (files / "genes.tsv.gz").write_bytes(gzip.compress((GENES + far).encode()))
    genes = ("--genes", files / "genes.tsv.gz", "--genes-build", "hg19")
    with pytest.raises(InputError, match=r"genes\.tsv\.gz.*raise --max-table-gb"):
        clump(files, *genes, "--max-table-gb", "1e-8")
    clump(files, *genes)
    monkeypatch.chdir(files)
    study = '[genotypes]\nbfile = "g"\n[phenotypes]\nmax_table_gb = 1e-8\n'
    (files / "study.toml").write_text(study)
    with pytest.raises(InputError, match=r"phenotypes\.max_table_gb in study\.toml"):
        clump(files, *genes, "--force")
    clump(files, *genes, "--force", "--max-table-gb", "0.5")


def test_every_command_that_reads_tables_has_the_limit():
    named = {
        name
        for name, (module, _) in COMMANDS.items()
        if any(o.name == "max_table_gb" for o in importlib.import_module(module).command.params)
    }
    assert set(COMMANDS) - named == {"demo", "simulate", "run", "config", "report"}
