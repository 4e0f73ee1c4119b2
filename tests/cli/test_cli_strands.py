"""Of 300 variants 100 are named on the other strand and 50 are palindromes near a half.

Where effects of two tables are set side by side the same 250 are used, and it is said why. Where
only the identity of a variant counts (linkage disequilibrium, leads and known loci that are
marked) palindromes are used as they are named, since nothing there has a sign; genotypes that are
exported have one, and those of palindromes are named in a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.cli import main
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.align import align_scans
from gwasbone.sumstats.scans import open_scans

M, N_FLIPPED, N_PALINDROMIC, N_PEOPLE = 300, 100, 50, 400
COMPLEMENT = str.maketrans("ACGT", "TGCA")
KEY = ["chromosome", "base_pair_location"]


@dataclass(frozen=True)
class Files:
    """Two scans and genotypes; the genotypes and the first scan name one strand."""

    one: Path
    two: Path
    bfile: Path
    table: pd.DataFrame
    G: np.ndarray


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp("strands")
    rng = np.random.default_rng(3)
    pairs = np.array(["AC", "AG", "CT", "GT"])[rng.integers(0, 4, M)]
    pairs[N_FLIPPED : N_FLIPPED + N_PALINDROMIC] = np.array(["AT", "CG"] * 25)
    f = rng.uniform(0.1, 0.4, M)
    f[N_FLIPPED : N_FLIPPED + N_PALINDROMIC] = 0.48
    G = rng.binomial(2, f[:, None], (M, N_PEOPLE)).astype(np.float32)
    z = np.where(np.arange(M) % 5 == 0, 7.0, 0.5) + rng.normal(size=M) * 0.3
    table = pd.DataFrame(
        {
            "chromosome": 1, "base_pair_location": (np.arange(M) + 1) * 400_000,
            "effect_allele": [pair[1] for pair in pairs],
            "other_allele": [pair[0] for pair in pairs], "beta": z * 0.02, "standard_error": 0.02,
            "effect_allele_frequency": f, "neg_log_10_p_value": neg_log10_p_normal(z), "n": 5000,
            "source_id": [f"rs{i}" for i in range(M)],
        }
    )  # fmt: skip
    # the other scan: the first hundred on the other strand, every third with alleles turned round
    flipped, turned = np.arange(M) < N_FLIPPED, np.arange(M) % 3 == 0
    other = table.copy()
    for name in ("effect_allele", "other_allele"):
        other[name] = other[name].where(~flipped, other[name].str.translate(COMPLEMENT))
    swapped = other[["other_allele", "effect_allele"]].to_numpy()
    other.loc[turned, ["effect_allele", "other_allele"]] = swapped[turned]
    other.loc[turned, "beta"] *= -1
    other.loc[turned, "effect_allele_frequency"] = 1 - f[turned]
    paths = [folder / f"scan.{name}.tsv" for name in ("bmd_total", "resid_bmd_total")]
    for path, scan in zip(paths, (table, other), strict=True):
        scan.to_csv(path, sep="\t", index=False)
    to_bed(
        folder / "g.bed", G.T,
        properties={
            "iid": [f"p{i}" for i in range(N_PEOPLE)], "fid": ["f"] * N_PEOPLE,
            "sex": [2] * N_PEOPLE, "chromosome": ["1"] * M,
            "bp_position": table["base_pair_location"].tolist(),
            "sid": table["source_id"].tolist(), "allele_1": table["effect_allele"].tolist(),
            "allele_2": table["other_allele"].tolist(),
        },
    )  # fmt: skip
    return Files(*paths, folder / "g", table, G)


def is_kept(places: pd.Series) -> np.ndarray:
    """Whether variants are none of the fifty."""
    row = places.to_numpy() // 400_000 - 1
    return (row < N_FLIPPED) | (row >= N_FLIPPED + N_PALINDROMIC)


def test_scatter(files, tmp_path, capsys, monkeypatch):
    drawn = []
    page = import_module("gwasbone.report.pages.plot")
    for name in ("p_scatter", "z_scatter"):
        monkeypatch.setattr(page, name, lambda t, **_: drawn.append(t))
    monkeypatch.setattr(page, "save_page", lambda *_, **__: None)
    arguments = ["plot", "scatter", str(files.one), str(files.two), "--out", str(tmp_path / "o")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "250 variants in both, 84 with alleles the other way round, 100 on the other" in said
    assert "50 of resid_bmd_total not matched: palindromic, and the allele frequencies" in said
    assert len(drawn[0]) == 250
    assert is_kept(drawn[0]["base_pair_location"]).all()
    np.testing.assert_allclose(drawn[0]["z_a"], drawn[0]["z_b"], rtol=1e-6)


def test_compare(files, tmp_path):
    known = files.table[["chromosome", "base_pair_location", "effect_allele", "other_allele"]]
    known.iloc[::5].to_csv(tmp_path / "known.tsv", sep="\t", index=False)
    arguments = ["compare", str(files.one), str(files.two), "--loci", str(tmp_path / "known.tsv")]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    dropped = pd.read_csv(tmp_path / "o.comparison.dropped.tsv", sep="\t").to_dict("records")
    assert dropped == [
        {"scan": "bmd_total", "reason": "not in every scan", "n_variants": 50},
        {
            "scan": "resid_bmd_total", "n_variants": 50,
            "reason": "palindromic, and the allele frequencies do not resolve the strand",
        },
    ]  # fmt: skip
    aligned = align_scans(open_scans([files.one, files.two]))
    assert len(aligned) == 250
    assert is_kept(pd.Series(aligned.position_bp)).all()
    for name in ("beta", "effect_allele_frequency"):
        one, two = aligned.columns[name]
        np.testing.assert_allclose(one, two, rtol=1e-6)


@pytest.mark.parametrize("with_alleles", [True, False])
def test_leads_are_marked_whatever_the_strand(files, tmp_path, with_alleles, monkeypatch):
    """A mark has no sign: the palindromes are marked too."""
    drawn = []
    monkeypatch.setattr(
        "gwasbone.report.pages.plot.ScanReader.leads",
        _recording(drawn),
    )
    columns = [*KEY, "effect_allele", "other_allele"] if with_alleles else KEY
    files.table[columns].assign(gene="G").to_csv(tmp_path / "leads.tsv", sep="\t", index=False)
    arguments = ["plot", "manhattan", str(files.two), "--leads", str(tmp_path / "leads.tsv")]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    assert len(drawn[0]) == M


def _recording(drawn: list):
    from gwasbone.report.pages.plot import ScanReader

    own = ScanReader.leads

    def leads(self, name, table):
        drawn.append(own(self, name, table))
        return drawn[-1]

    return leads


def test_clump_takes_r2_whatever_the_strand(files, tmp_path, capsys):
    """r² has no sign: all 300 serve, and the log counts strands and palindromes."""
    tables = []
    for number, scan in enumerate((files.one, files.two)):
        out = tmp_path / str(number)
        arguments = ["clump", str(scan), "--bfile", str(files.bfile), "--build", "GRCh37"]
        assert main([*arguments, "--out", str(out)]) == 0
        assert "of 300 variants (0 more are not in the genotypes)" in capsys.readouterr().out
        tables.append(pd.read_csv(f"{out}.clumps.tsv", sep="\t"))
    log = (tmp_path / "1.clump.log").read_text()
    assert "100 are named on the other strand there, and 50 are palindromic and taken as" in log
    same = ["base_pair_location", "n_members", "n_linked", "neg_log_10_p_value"]
    pd.testing.assert_frame_equal(tables[0][same], tables[1][same])
    assert (~is_kept(tables[0]["base_pair_location"])).sum() == 10


def test_select_exports_copies_of_the_effect_allele_and_names_palindromes(files, tmp_path, capsys):
    exported = []
    for number, scan in enumerate((files.one, files.two)):
        out = tmp_path / str(number)
        arguments = ["select", str(scan), "--bfile", str(files.bfile), "--build", "GRCh37"]
        assert main([*arguments, "--max-blocks", "100", "--out", str(out)]) == 0
        assert "10 selected SNPs are palindromic" in capsys.readouterr().err
        exported.append(pd.read_parquet(f"{out}.genotypes.parquet").set_index("IID"))
        pairs = pd.read_csv(f"{out}.selected.tsv", sep="\t").drop_duplicates("variant_id")
        assert len(pairs) == 60
        truth = pd.read_csv(scan, sep="\t").set_index("base_pair_location")
        for snp in pairs[is_kept(pairs["base_pair_location"])].itertuples():
            row = truth.loc[snp.base_pair_location]
            assert snp.effect_allele_frequency == pytest.approx(row["effect_allele_frequency"])
            mean = exported[-1][snp.variant_id].mean() / 2
            assert abs(mean - snp.effect_allele_frequency) < 0.09
            # the cohort names the first scan's strand; its own scan counts the same allele
            i = snp.base_pair_location // 400_000 - 1
            turned = number == 1 and i % 3 == 0
            own = 2 - files.G[i] if turned else files.G[i]
            np.testing.assert_array_equal(exported[-1][snp.variant_id], own)
