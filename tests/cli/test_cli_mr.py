"""``gwasbone mr``: harmonised tables, scans, screens, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.mr import Harmonised, ivw
from gwasbone.sumstats.mr_table import COLUMNS
from gwasbone.tables import write_table

EFFECT = 0.4
QUICK = ["--draws", "50", "--presso-draws", "200"]


def made_scans(folder: Path) -> dict[str, Path]:
    """Exposures x (causal), w (without an effect) and outcomes y, v; 30 loci of 60 variants."""
    rng = np.random.default_rng(4)
    n_loci, m = 30, 1800
    locus = np.repeat(np.arange(n_loci), m // n_loci)
    alleles = np.array([("A", "C"), ("A", "G"), ("C", "T"), ("G", "T")])
    effect, other = alleles[rng.integers(0, 4, m)].T
    table = pd.DataFrame(
        {
            "chromosome": locus % 22 + 1,
            "base_pair_location": 20_000_000 + (locus // 22) * 60_000_000
            + np.tile(np.arange(m // n_loci) * 1000, n_loci),
            "effect_allele": effect, "other_allele": other,
            "effect_allele_frequency": rng.uniform(0.1, 0.4, m), "n": 50_000,
        }
    )  # fmt: skip
    lead = np.tile(np.arange(m // n_loci), n_loci) == 30
    true = {name: lead * rng.choice([-1, 1], m) * rng.normal(0.1, 0.02, m) for name in ("x", "w")}
    true |= dict.fromkeys(("y", "v"), EFFECT * true["x"])
    paths = {}
    for name, effects in true.items():
        beta = effects + 0.006 * rng.normal(size=m)
        scan = table.assign(
            beta=beta, standard_error=0.006, neg_log_10_p_value=neg_log10_p_normal(beta / 0.006)
        )
        if name == "v":  # the other allele, on the other strand
            scan = scan.assign(
                effect_allele=scan["other_allele"].map(dict(zip("ACGT", "TGCA", strict=True))),
                other_allele=scan["effect_allele"].map(dict(zip("ACGT", "TGCA", strict=True))),
                beta=-scan["beta"], effect_allele_frequency=1 - scan["effect_allele_frequency"],
            )  # fmt: skip
        paths[name] = folder / f"{name}.tsv"
        write_table(
            scan.sort_values(["chromosome", "base_pair_location"]), paths[name], index=False
        )
    return paths


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> dict[str, Path]:
    return made_scans(tmp_path_factory.mktemp("scans"))


def read(path: str) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["NA"])


def test_scans_give_estimates_instruments_and_a_page(scans, tmp_path, capsys):
    out = str(tmp_path / "o")
    arguments = ["--exposure", str(scans["x"]), "--outcome", str(scans["v"]), *QUICK]
    assert main(["mr", *arguments, "--out", out]) == 0
    table = read(f"{out}.mr.tsv")
    assert table.columns.tolist() == list(COLUMNS)
    assert set(table["method"]) >= {
        "ivw", "egger", "egger_intercept", "weighted_median", "simple_mode", "weighted_mode",
        "presso", "presso_corrected", "gsmr", "cml", "conmix", "raps",
    }  # fmt: skip
    own = table[~table["method"].isin(["egger_intercept", "egger"])]
    assert (np.abs(own["beta"] - EFFECT) < 4 * own["standard_error"]).all()
    assert (table["mean_f"] > 100).all()
    used = read(f"{out}.instruments.tsv")
    assert used["used"].sum() == len(used) == 30
    data = Harmonised(
        used["beta_exposure"], used["standard_error_exposure"], used["beta_outcome"],
        used["standard_error_outcome"],
    )  # fmt: skip
    assert ivw(data).b == pytest.approx(table["beta"][table["method"] == "ivw"].iloc[0], rel=1e-6)
    page = Path(f"{out}.mr.html").read_text()
    for heading in ("x on v", "effects of the instruments", "funnel", "leave one out"):
        assert heading in page
    assert "x on v, ivw: 0." in capsys.readouterr().out


def test_a_screen_makes_both_funnels(scans, tmp_path, capsys):
    out = str(tmp_path / "o")
    arguments = [f"--exposure={scans[n]}" for n in "xw"] + [f"--outcome={scans[n]}" for n in "yv"]
    assert main(["mr", *arguments, *QUICK, "--screen-above", "1", "--out", out]) == 0
    table, funnel = read(f"{out}.mr.tsv"), read(f"{out}.mr.funnel.tsv")
    assert set(table["method"]) == {"ivw", "egger", "egger_intercept", "gsmr"}
    assert dict(zip(funnel["exposure"], funnel["found"], strict=True)) == {"x": True, "w": False}
    assert "1 exposures at a valid false discovery rate" in capsys.readouterr().out
    # every method of each pair gives the same as the one pass
    assert main(["mr", *arguments, *QUICK, "--methods", "ivw,egger,gsmr", "--out", f"{out}a"]) == 0
    alone = read(f"{out}a.mr.tsv").set_index(["exposure", "outcome", "method"])["beta"]
    screened = table.set_index(["exposure", "outcome", "method"])["beta"]
    pd.testing.assert_series_equal(screened.sort_index(), alone.sort_index(), rtol=1e-7)


def test_confounders_and_exploratory_instruments_are_marked(scans, tmp_path):
    out = str(tmp_path / "o")
    listed = tmp_path / "confounders.tsv"
    listed.write_text("chromosome\tbase_pair_location\tconfounder\n1\t20030000\tsmoking\n")
    arguments = ["--exposure", str(scans["x"]), "--outcome", str(scans["y"]), "--methods", "ivw"]
    more = ["--confounders", str(listed), "--clump-p1", "1e-300", "--exploratory-p", "1e-6"]
    assert main(["mr", *arguments, *more, "--out", out]) == 0
    used = read(f"{out}.instruments.tsv")
    assert used["reason"].value_counts().to_dict() == {"": 29, "listed for smoking": 1}
    assert read(f"{out}.mr.tsv")["status"].tolist() == ["exploratory instruments"]


def test_a_harmonised_table_with_ld_and_another_exposure(tmp_path):
    rng = np.random.default_rng(6)
    n = 20
    table = pd.DataFrame(
        {
            "snp": [f"rs{i}" for i in range(n)],
            "beta_exposure": rng.uniform(0.05, 0.2, n), "standard_error_exposure": 0.005,
            "standard_error_outcome": 0.01, "n_exposure": 9000, "n_outcome": 8000,
            "beta_exposure.other": rng.uniform(-0.1, 0.1, n),
            "standard_error_exposure.other": 0.005,
        }
    )  # fmt: skip
    table["beta_outcome"] = 0.3 * table["beta_exposure"] + 0.01 * rng.normal(size=n)
    ld = pd.DataFrame(np.eye(n) * 0.9 + 0.1, columns=table["snp"], index=table["snp"])
    table.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    ld.to_csv(tmp_path / "ld.tsv", sep="\t", index_label="snp")
    given = ["mr", "--harmonised", str(tmp_path / "t.tsv"), *QUICK]
    out = ["--out", str(tmp_path / "o")]
    assert main([*given, "--ld", str(tmp_path / "ld.tsv"), *out]) == 0
    methods = read(f"{tmp_path}/o.mr.tsv").set_index("method")
    assert methods.loc["mvmr", "status"] == "given other"
    assert abs(methods.loc["mvmr", "beta"] - 0.3) < 0.1
    assert "ivw_correlated" in methods.index
    turned = ld.iloc[::-1, ::-1]
    turned.to_csv(tmp_path / "ld2.tsv", sep="\t", index_label="snp")
    assert main([*given, "--ld", str(tmp_path / "ld2.tsv"), *out, "--force"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --exposure and --outcome"),
        (["--exposure", "x.tsv"], "give --exposure and --outcome"),
        (["--exposure", "x", "--outcome", "y", "--ld", "l"], "with --harmonised"),
        (["--harmonised", "t", "--exposure", "x"], "no --exposure"),
        (["--clump-p1", "1e-3"], "expected at most exploratory_p"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments, said, tmp_path, capsys):
    assert main(["mr", *arguments, "--out", str(tmp_path / "o")]) == 2
    assert said in capsys.readouterr().err


def test_a_scan_without_instruments_has_a_row_that_says_so(scans, tmp_path):
    flat = pd.read_csv(scans["w"], sep="\t")
    flat["beta"], flat["neg_log_10_p_value"] = 0.001, 0.06
    flat.to_csv(tmp_path / "flat.tsv", sep="\t", index=False)
    arguments = ["--exposure", str(tmp_path / "flat.tsv"), "--outcome", str(scans["y"])]
    assert main(["mr", *arguments, "--out", str(tmp_path / "o")]) == 0
    table = read(f"{tmp_path}/o.mr.tsv")
    assert table["n_snp"].tolist() == [0]
    assert table["status"].str.contains("no instruments").all()
