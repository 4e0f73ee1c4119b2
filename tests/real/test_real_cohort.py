"""Reading, sex chromosomes and ancestry on real genotypes (1000 Genomes, read in place)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gwasbone as gb
from gwasbone.cohort.options import PcaOptions
from gwasbone.cohort.pruned import pruned_variants
from gwasbone.cohort.statistics import people_statistics
from gwasbone.report.pages.cohort import components_page

pytestmark = [pytest.mark.real, pytest.mark.hail]


@pytest.fixture(scope="module")
def panel(shared_data) -> pd.DataFrame:
    return pd.read_csv(shared_data / "genotypes/1kg_vcf/samples.tsv", sep="\t", index_col="sample")


@pytest.fixture(scope="module")
def vcf_cohort(shared_data, hail_session):
    return gb.read_genotypes(vcf=str(shared_data / "genotypes/1kg_vcf/*.vcf.gz"))


@pytest.fixture(scope="module")
def components(vcf_cohort):
    pruned = pruned_variants(vcf_cohort, PcaOptions())
    return gb.principal_components(vcf_cohort, pruned.index, k=6)


def test_the_23_vcfs_are_one_cohort(vcf_cohort, panel):
    assert vcf_cohort.build == "GRCh37"
    assert vcf_cohort.people.table.index.tolist() == panel.index.tolist()
    assert sorted(vcf_cohort.variants.table["chromosome"].unique()) == list(range(1, 24))
    # 25,759 lines, 579 of them multiallelic, give one row per alternative allele
    assert len(vcf_cohort.variants) == 26361
    assert vcf_cohort.variants.funnel()["reason"].tolist() == ["all", "symbolic_allele"]


def test_men_are_called_on_x(vcf_cohort, panel):
    """Half-calls `0/.` outside the pseudo-autosomal regions are men's single alleles."""
    sex = vcf_cohort.people.table["sex"]
    assert (sex == panel["sex"].map({"male": 1, "female": 2})).all()
    statistics = people_statistics(vcf_cohort)
    men = statistics.loc[sex == 1]
    print(f"\nmale call rate on X: least {men['call_rate_x'].min():.4f} over {len(men)} men")
    assert men["call_rate_x"].min() > 0.99
    mt = vcf_cohort.mt
    mt = mt.filter_rows(mt.locus.in_x_nonpar())
    import hail as hl

    counts = mt.aggregate_entries(hl.agg.filter(mt.sex == 1, hl.agg.counter(mt.dosage)))
    assert set(counts) == {0.0, 2.0}


def test_the_ancestry_filter_on_all_populations(vcf_cohort, components, panel, tmp_path):
    group = panel["superpopulation"]
    cohort = gb.british_ancestry(vcf_cohort, components.scores, group, reference=("EUR",))
    kept = cohort.people.kept
    european = (group == "EUR").to_numpy()
    print(
        f"\nkept {kept[european].sum()} of 19 EUR; removed {(~kept[~european]).sum()} of 81 others"
    )
    assert kept[european].sum() == 19
    assert (~kept[~european]).sum() >= 80
    page = Path(tmp_path / "pca.html")
    components_page(components, page, title="1000 Genomes", groups=group)
    assert all(name in page.read_text() for name in group.unique())


def test_superpopulations_separate(components, panel):
    """Nearest centroid on PC1-4, each person left out of the centroids."""
    scores = components.scores[["PC1", "PC2", "PC3", "PC4"]]
    group = panel["superpopulation"]
    right = 0
    for person in scores.index:
        others = scores.drop(person)
        centroids = others.groupby(group[others.index]).mean()
        nearest = ((centroids - scores.loc[person]) ** 2).sum(axis=1).idxmin()
        right += nearest == group[person]
    print(f"\nnearest centroid right for {right} of {len(scores)}")
    assert right / len(scores) >= 0.95


def test_planted_people_of_other_ancestry(shared_data, hail_session):
    folder = shared_data / "genotypes/1kg_eur_planted"
    cohort = gb.read_genotypes(bfile=str(folder / "human"), build="GRCh37", id_rule="fid_iid")
    truth = pd.read_csv(folder / "samples.tsv", sep="\t")
    truth.index = truth["fid"] + "_" + truth["iid"]
    group = truth["superpopulation"].reindex(cohort.people.table.index)
    pruned = pruned_variants(cohort, PcaOptions())
    pcs = gb.principal_components(cohort, pruned.index, k=6)
    after = gb.british_ancestry(cohort, pcs.scores, group, reference=("EUR",))
    kept = pd.Series(after.people.kept, index=group.index)
    deviation = after.people.table["ancestry_deviation"]
    for name in ("AMR", "SAS"):
        values = np.sort(deviation[group == name].to_numpy()).round(1)
        print(f"\n{name}: squared deviations {values.tolist()}, kept {kept[group == name].sum()}")
    print(f"EUR kept {kept[group == 'EUR'].sum()} of {(group == 'EUR').sum()}")
    assert (group.isin(["AFR", "EAS"])).sum() == 10
    assert not kept[group.isin(["AFR", "EAS"])].any()
    assert kept[group == "EUR"].mean() >= 0.95
