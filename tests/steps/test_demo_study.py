"""The whole demo: what was planted in it is found where a newcomer looks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.genome import chromosome_label
from gwasbone.learning.genotype_run import FDR

pytestmark = pytest.mark.slow

#: Planted for every bone density, and the one that the pictures of the spine show by themselves.
SEEN = "rs1001206524"
#: How far a lead in LD with a planted variant lies from it.
NEAR_BP = 10_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo that has run."""
    folder = tmp_path_factory.mktemp("home") / "demo"
    assert main(["demo", str(folder)]) == 0
    return folder


def _table(demo: Path, name: str) -> pd.DataFrame:
    text = {"chromosome": str, "source_id": str, "variant_id": str}
    return pd.read_csv(demo / name, sep="\t", dtype=text)


def test_the_snp_that_pictures_show_is_learned_at_a_false_discovery_rate_below_5_percent(demo):
    effects = _table(demo, "data/truth/phantom_effects.tsv").set_index("variant")
    assert effects.loc[SEEN, "region"] == "ap_spine"
    selected = _table(demo, "results/leads/selected.tsv").drop_duplicates("variant_id")
    name = selected.set_index("source_id").loc[SEEN, "variant_id"]
    table = _table(demo, "results/genotype_models/study.genotype_models.tsv")
    assert len(table) >= 3
    assert (table["status"] == "ok").all()
    row = table.set_index("variant_id").loc[name]
    assert row["fdr"] < FDR
    assert row["auc"] == table["auc"].max()
    assert row["n_permutations"] == 199
    # where it is learned, a reader sees where the network looks
    page = demo / "results" / "genotype_models" / "study.saliency.html"
    assert name in page.read_text()


def test_planted_variants_lead_their_loci(demo):
    loci = _table(demo, "results/loci/loci.tsv")
    led = set(loci.loc[loci["source_id"] == SEEN, "trait"])
    assert {"bmd_spine", "resid_bmd_spine_l1_l4", "cnn_prob", "cnn_logit_std"} <= led
    truth = _table(demo, "data/truth/causal_variants.tsv")
    planted = truth[truth["planted"] & (truth["trait"] == "bmd_spine")]
    assert len(planted) == 6
    spine = loci[loci["trait"] == "bmd_spine"]
    near = [
        (
            (spine["chromosome"] == chromosome_label(int(row.chromosome)))
            & ((spine["base_pair_location"] - row.base_pair_location).abs() <= NEAR_BP)
        ).any()
        for row in planted.itertuples()
    ]
    assert sum(near) >= 5
    assert not loci["trait"].eq("null_trait").any()


def test_cases_and_the_phenotype_of_pictures_find_it_too(demo, monkeypatch):
    leads = _table(demo, "results/leads/leads.tsv")
    found = set(leads.loc[leads["source_id"] == SEEN, "trait"])
    assert {"case", "cnn_prob", "cnn_logit_std", "bmd_spine"} <= found
    monkeypatch.chdir(demo)
    # as README has it, inside the folder and without flags
    assert main(["assoc", "--pheno", "cnn_prob"]) == 0
    scan = _table(demo, "gwasbone.cnn_prob.tsv.gz")
    assert scan.loc[scan["neg_log_10_p_value"].idxmax(), "rsid"] == SEEN


def test_every_chapter_has_something_to_tell(demo):
    results = demo / "results"
    assert (results / "report" / "report.html").stat().st_size > 100_000
    for name in (
        "residuals/study.residuals.html", "images/contact_sheet.html",
        "training/study.saliency.html", "ancestry/ancestry.html", "pca/pca.html",
        "leads/selected.html", "leads/effects.html", "loci/regional.html",
        "comparison/comparison.html", "genotype_models/study.saliency.html",
    ):  # fmt: skip
        assert (results / name).stat().st_size > 1000, name
    loci = _table(demo, "results/loci/loci.tsv")
    genes = [name for name in loci.columns if "gene" in name]
    assert loci[genes].notna().any(axis=None)
    assert len(_table(demo, "results/comparison/comparison.loci.tsv")) > 0
