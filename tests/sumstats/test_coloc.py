"""Colocalisation: hand-worked, the mark of R's coloc, units, and standard errors that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.coloc import ColocTrait, coloc_abf, implied_sd
from gwasbone.sumstats.coloc_regions import Region, read_loci
from gwasbone.sumstats.options import ColocOptions

DATA = Path(__file__).parents[3] / "shared" / "data" / "sumstats" / "coloc_simulated"


def made(m: int = 60, *, causal: tuple[int, int] = (30, 30), seed: int = 1) -> list[ColocTrait]:
    rng = np.random.default_rng(seed)
    traits = []
    for row in causal:
        f = np.full(m, 0.3)
        se = np.full(m, 1 / np.sqrt(2 * 0.3 * 0.7 * 5000))
        beta = se * rng.normal(size=m)
        beta[row] += 8 * se[row]
        traits.append(ColocTrait(beta, se, frequency=f, n=5000))
    return traits


def test_two_variants_by_hand():
    one = ColocTrait([0.2, 0.0], [0.05, 0.05], sd_y=1.0)
    two = ColocTrait([0.1, 0.1], [0.05, 0.05], sd_y=1.0)
    r = 0.15**2 / (0.15**2 + 0.05**2)
    a = np.exp(0.5 * (np.log(1 - r) + r * np.array([16.0, 0.0])))
    b = np.exp(0.5 * (np.log(1 - r) + r * np.array([4.0, 4.0])))
    h = np.array(
        [1, 1e-4 * a.sum(), 1e-4 * b.sum(), 1e-8 * (a[0] * b[1] + a[1] * b[0]), 1e-5 * a @ b]
    )
    found = coloc_abf(one, two)
    np.testing.assert_allclose(found.posterior, h / h.sum(), rtol=1e-12)
    np.testing.assert_allclose(found.shared, a * b / (a @ b), rtol=1e-12)
    assert found.credible_set().tolist() == [0]
    # a disease has the prior of log odds
    assert ColocTrait([0.2], [0.05], case_control=True).prior_sd == 0.2
    # with one variant there are no two different ones
    assert coloc_abf(one_of(one), one_of(two)).posterior[3] == 0


def one_of(trait: ColocTrait) -> ColocTrait:
    return ColocTrait(trait.beta[:1], trait.se[:1], sd_y=trait.sd_y)


def test_one_shared_variant_is_told_from_two():
    shared, apart = coloc_abf(*made()), coloc_abf(*made(causal=(20, 40)))
    assert shared.posterior[4] > 0.9
    assert shared.credible_set().tolist() == [30]
    assert apart.posterior[3] > 0.9
    for found in (shared, apart):
        assert found.posterior.sum() == pytest.approx(1)
        # a larger prior of sharing makes sharing likelier
        assert (np.diff(found.sensitivity["pp_h4"]) >= 0).all()


def test_units_and_alleles_change_nothing_and_no_effect_overflows():
    one, two = made()
    sign = np.where(np.arange(len(one.beta)) % 2, -1, 1)
    turned = ColocTrait(3 * sign * one.beta, 3 * one.se, sd_y=3 * one.sd_y)
    np.testing.assert_allclose(
        coloc_abf(turned, two).posterior, coloc_abf(one, two).posterior, rtol=1e-9
    )
    strong = [ColocTrait(t.beta * 30, t.se, sd_y=t.sd_y) for t in (one, two)]
    assert np.isfinite(coloc_abf(*strong).posterior).all()


def test_standard_errors_that_are_none_and_missing_scales_are_refused():
    one, _ = made()
    assert implied_sd(one.se, 0.3 * np.ones(60), 5000) == pytest.approx(1)
    f = np.full(60, 0.3)
    with pytest.raises(InputError, match="variances given as standard"):
        ColocTrait(one.beta, one.se**2, sd_y=1.0, frequency=f, n=5000)
    with pytest.raises(InputError, match="variances given as standard"):
        ColocTrait(one.beta, np.sqrt(one.se), sd_y=1.0, frequency=f, n=5000)
    with pytest.raises(UsageError, match="--case-share"):
        ColocTrait(one.beta, one.se)
    with pytest.raises(InputError, match="above 0"):
        ColocTrait(one.beta, one.se * 0, sd_y=1.0)
    with pytest.raises(InputError, match="the same variants"):
        coloc_abf(one, one_of(one))
    with pytest.raises(Exception, match="at most p1 and p2"):
        ColocOptions(p12=1e-3)


@pytest.mark.real
def test_mark_of_coloc():
    if not DATA.exists():
        pytest.skip(f"{DATA} is not there")
    tables = [pd.read_csv(DATA / f"D{i}.tsv", sep="\t") for i in (1, 2)]
    traits = [
        ColocTrait(
            t["beta"], np.sqrt(t["varbeta"]), sd_y=float(t["sdY"].iloc[0]), frequency=t["MAF"],
            n=t["N"],
        )
        for t in tables
    ]  # fmt: skip
    found = coloc_abf(*traits)
    marks = [1.377e-18, 2.937336e-10, 8.593226e-12, 0.0008338917, 0.9991661]
    np.testing.assert_allclose(found.posterior, marks, rtol=1e-4)
    assert found.posterior[4] == pytest.approx(0.9991661, abs=5e-8)
    assert [tables[0]["snp"][i] for i in found.credible_set()] == ["s105"]
    # the users' common error shows as an implied standard deviation of 4.55
    wrong = np.sqrt(np.sqrt(tables[0]["varbeta"]))
    assert implied_sd(wrong, tables[0]["MAF"], tables[0]["N"]) == pytest.approx(4.55, abs=0.005)


def test_regions_are_read_from_loci_by_span_or_position(tmp_path):
    path = tmp_path / "loci.tsv"
    path.write_text("chromosome\tstart_bp\tend_bp\n7\t100\t200\n7\t100\t200\nX\t5\t9\n")
    assert read_loci(path) == [Region(7, 100, 200), Region(23, 5, 9)]
    path.write_text("chromosome\tbase_pair_location\n1\t1000000\n1\t100\n")
    assert read_loci(path) == [Region(1, 750_000, 1_250_000), Region(1, 1, 250_100)]
    path.write_text("chromosome\tpos\n1\t1000000\n")
    with pytest.raises(InputError, match="start_bp and end_bp"):
        read_loci(path)


def test_the_command_writes_regions_variants_and_a_page(tmp_path, capsys):
    for name, trait in zip("ab", made(), strict=True):
        from gwasbone.stats.pvalues import neg_log10_p_normal

        pd.DataFrame(
            {
                "chromosome": 1, "base_pair_location": np.arange(60) + 1000, "effect_allele": "A",
                "other_allele": "C", "beta": trait.beta, "standard_error": trait.se,
                "effect_allele_frequency": 0.3, "n": 5000,
                "neg_log_10_p_value": neg_log10_p_normal(trait.beta / trait.se),
            }
        ).to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)  # fmt: skip
    scans = [str(tmp_path / f"{name}.tsv") for name in "ab"]
    out = str(tmp_path / "o")
    regions = ["--region", "1:1000-1059", "--region", "2:1-9"]
    assert main(["coloc", *scans, *regions, "--out", out]) == 0
    table = pd.read_csv(f"{out}.coloc.tsv", sep="\t")
    assert table.columns.tolist() == [
        "region", "n_snp", "pp_h0", "pp_h1", "pp_h2", "pp_h3", "pp_h4", "status",
    ]  # fmt: skip
    assert table["n_snp"].tolist() == [60, 0]
    assert table["pp_h4"][0] == pytest.approx(coloc_abf(*made()).posterior[4], rel=1e-4)
    assert table["status"][1] == "no variant in both scans"
    variants = pd.read_csv(f"{out}.coloc.variants.tsv", sep="\t")
    assert variants["base_pair_location"][variants["in_credible_set"]].tolist() == [1030]
    assert "Colocalisation of a and b" in Path(f"{out}.coloc.html").read_text()
    assert "1 of 2 regions" in capsys.readouterr().out
    assert main(["coloc", *scans, "--region", "1:1000-1059", "--sd-y", "9,1", "--out", out]) != 0
    assert main(["coloc", scans[0], "--region", "1:1-9", "--out", f"{out}x"]) == 2
    assert main(["coloc", *scans, "--out", f"{out}x"]) == 2
