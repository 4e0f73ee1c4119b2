"""Genotypes from images: what is planted is found, nothing is found where nothing is.

A ridge regression in place of networks (``QuickBackend``) makes hundreds of trainings cheap.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_genotypes import Made, QuickBackend
from scipy import stats

from gwasbone.errors import InputError, UsageError
from gwasbone.learning import genotype_job as job
from gwasbone.learning.backend import ReusingBackend
from gwasbone.learning.genotype_inputs import genotype_jobs, is_autosomal
from gwasbone.learning.genotype_models import baseline_scores
from gwasbone.learning.genotype_saliency import finished_models
from gwasbone.learning.networks import Head, ImageNetwork, as_mapping
from gwasbone.plots.page import description_of
from gwasbone.report.pages.genotype_models import genotype_sections
from gwasbone.stats.concordance import concordance
from gwasbone.steps import genotype_models as step

SNP = Made.PLANTED


def row_of(run, variant=SNP):
    return run.table.set_index("variant_id").loc[variant]


def test_a_planted_effect_is_found_and_its_place_matters(tmp_path):
    made = Made(tmp_path, effect=1.0)
    run = made.train(regions=("ap_spine", "hip"), variants=[SNP], permutations=19, stop_at=19)
    spine, hip = run.table.set_index("region").loc[["ap_spine", "hip"]].itertuples()
    assert spine.null_p == 1 / 20
    assert spine.auc_low > 0.65
    # sex, age and components know nothing of it
    assert spine.difference_low > 0
    assert abs(spine.baseline_auc - 0.5) < 0.15
    # the same people, another region, where the SNP does nothing
    assert hip.auc_low < 0.5 < hip.auc_high
    assert hip.null_p > 0.05
    counts = made.genotypes[SNP].value_counts()
    assert [spine.n_0, spine.n_1, spine.n_2] == [counts[0.0], counts[1.0], counts[2.0]]


def test_nothing_is_found_in_forty_snps_without_effect(tmp_path):
    """p is uniform on its grid: within binomial bounds at three points, and by Kolmogorov."""
    made = Made(tmp_path, n=160, nulls=40, effect=0.0, seed=21)
    nulls = [name for name in made.genotypes if name != SNP]
    run = made.train(variants=nulls, permutations=19, stop_at=3)
    p = run.table["null_p"].to_numpy(float)
    assert len(p) == 40
    for x in (0.05, 0.25, 0.5):
        assert stats.binomtest(int((p <= x).sum()), 40, x).pvalue > 0.01, x
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > 0.01
    assert not (run.table["fdr"] < 0.05).any()
    shuffled = run.null["auc"]
    assert abs(shuffled.mean() - 0.5) < 4 * shuffled.std() / np.sqrt(len(shuffled))
    # by heart, as the paper warns: what a model says of those it was fitted to
    assert (run.table["auc_in_training"] > 0.6).all()


def test_the_table_agrees_with_what_each_person_was_predicted(tmp_path):
    made = Made(tmp_path, twice=40)
    run = made.train(variants=[SNP], head="ordinal", permutations=0)
    row = row_of(run)
    people = pd.read_csv(made.models / "ap_spine" / SNP / job.JOB_PEOPLE, sep="\t", index_col="IID")
    assert list(people.index) == sorted(made.names)
    np.testing.assert_array_equal(people["copies"], made.genotypes.loc[people.index, SNP])
    np.testing.assert_allclose(people["expected"], people["p_1"] + 2 * people["p_2"], atol=1e-6)
    again = concordance(people["label"], people["expected"], group=people["fold"])
    assert row["auc"] == pytest.approx(again.estimate, abs=1e-6)
    assert (row["auc_low"], row["auc_high"]) == pytest.approx((again.lower, again.upper), abs=1e-5)
    by_class = [float(area) for area in row["auc_by_class"].split("/")]
    one = concordance(people["label"] == 2, people["p_2"], group=people["fold"])
    assert by_class[2] == pytest.approx(one.estimate, abs=1e-4)
    assert np.isnan(row["null_p"])
    assert row["head"] == "ordinal"


def test_nobody_is_predicted_by_weights_that_saw_them(tmp_path):
    """Pretraining included: the sex model that a fold starts from was not fitted to the fold."""
    made = Made(tmp_path, twice=30)
    seen = []

    class Watched(QuickBackend):
        def build(self, network, *, seed):
            model = super().build(network, seed=seed)
            predict = model.predict

            def watched(inputs, *, rows):
                seen.append((network["weights"], dict(model.rows), rows))
                return predict(inputs, rows=rows)

            model.predict = watched
            return model

    run = made.train(Watched(), variants=[SNP], permutations=1, pretrain=True)
    assert run.sex["auc"][0] > 0.98
    pictures = made.cache.pictures("ap_spine").people
    held_out = {}
    checked = 0
    for weights, used, rows in seen:
        fitted = set(pictures[np.concatenate([used["rows"], used["validation_rows"]])])
        if set(pictures[rows]) & fitted:
            assert set(pictures[rows]) <= fitted  # those by whom learning by heart is judged
            continue
        if weights == "random":
            fold = len(held_out)
            held_out[str(made.models / "ap_spine" / "sex" / f"fold{fold}")] = set(pictures[rows])
        else:
            # starts from the model of the same fold, which never saw these people
            assert held_out[weights.rsplit("/", 1)[0]] == set(pictures[rows])
            checked += 1
    assert checked == 2 * 2  # folds of the SNP and of one permutation


def test_own_labels_move_nobodys_score(tmp_path):
    made = Made(tmp_path)
    run = made.train(variants=[SNP], permutations=0)
    before = pd.read_csv(made.models / "ap_spine" / SNP / "people.tsv", sep="\t")
    out = before["fold"] == 0
    made.genotypes.loc[before["IID"][out], SNP] = 2 - before["copies"][out].to_numpy()
    again = made.train(variants=[SNP], permutations=0, models=tmp_path / "b")
    after = pd.read_csv(tmp_path / "b" / "ap_spine" / SNP / "people.tsv", sep="\t")
    np.testing.assert_array_equal(before["expected"][out], after["expected"][out])
    assert (before["expected"][~out] != after["expected"][~out]).any()
    assert row_of(run)["auc"] != row_of(again)["auc"]


def test_labels_are_shuffled_within_strata(tmp_path):
    """A place that shows the stratum alone: between strata it tells genotypes, within none."""
    made = Made(tmp_path, n=240, nulls=0, effect=0.0)
    first = made.table["PC1"] > made.table["PC1"].median()
    rng = np.random.default_rng(3)
    # allele frequencies differ by ancestry, and so do pictures
    made.genotypes[SNP] = rng.binomial(2, np.where(first, 0.6, 0.2)).astype(float)
    pictures = made.cache.pictures("ap_spine")
    pictures.arrays[0][:, 4:10, 4:10] = np.where(first, 120, 80)[:, None, None]
    within = row_of(made.train(variants=[SNP], permutations=19, stop_at=19))
    assert within["auc"] > 0.65
    assert within["null_p"] > 0.05
    blind = made.inputs(strata_bins=1)
    anywhere = made.train(
        variants=[SNP], permutations=19, stop_at=19, inputs=blind, models=tmp_path / "b"
    )
    assert row_of(anywhere)["null_p"] == 1 / 20


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    whole = Made(tmp_path / "whole").train()
    total = 2 * (len(whole.null) + 3)
    made = Made(tmp_path / "killed")
    # in the sixth training of all: the SNP's two folds are finished, and one permutation
    dying = QuickBackend(die_in=5)
    with pytest.raises(KeyboardInterrupt):
        made.train(dying)
    kept = made.models / "ap_spine" / SNP / job.PERMUTATIONS
    assert len(kept.read_text().splitlines()) == 2
    with open(kept, "a") as handle:
        handle.write("1\t0.5")  # a line that was cut off is no permutation
    rest = QuickBackend()
    again = made.train(rest)
    assert rest.fits == total - 4
    pd.testing.assert_frame_equal(again.table, whole.table)
    pd.testing.assert_frame_equal(again.null, whole.null)
    nothing = QuickBackend()
    made.train(nothing)
    assert nothing.fits == 0
    # more permutations go on from those that are there; another split does not
    more = QuickBackend()
    made.train(more, permutations=12, stop_at=12)
    assert more.fits == 2 * 3 * 12 - 2 * len(whole.null)
    with pytest.raises(InputError, match=r"another training \(other request\)"):
        made.train(folds=3)


def test_the_null_is_the_observed_procedure(tmp_path):
    """Everybody a stratum of their own: nothing is shuffled, and the AUC is the observed one."""
    made = Made(tmp_path, nulls=0, twice=20)
    inputs = made.inputs()
    alone = replace(inputs, strata=np.arange(len(inputs.people)))
    run = made.train(inputs=alone, permutations=2, stop_at=2, pretrain=True)
    assert list(run.null["auc"]) == [row_of(run)["auc"]] * 2
    assert row_of(run)["null_p"] == 1


def test_other_strata_start_the_permutations_anew(tmp_path):
    made = Made(tmp_path, nulls=0)
    made.train()
    counting = QuickBackend()
    made.train(counting, inputs=made.inputs(strata_bins=3))
    assert counting.fits > 0


def test_what_is_not_learned_has_a_status(tmp_path, caplog):
    made = Made(tmp_path, nulls=0)
    n = len(made.names)
    rare = np.zeros(n)
    rare[:3] = 1
    made.genotypes = made.genotypes.assign(
        **{"3_1_A_C": rare, "X_1_A_C": made.genotypes[SNP], "4_1_A_C": np.full(n, 0.5)}
    )
    few = made.genotypes[SNP].where(made.genotypes[SNP] < 2, np.nan)
    few.iloc[:4] = 2
    made.genotypes["5_1_A_C"] = few
    variants = [SNP, "3_1_A_C", "X_1_A_C", "4_1_A_C", "5_1_A_C", "6_1_A_C"]
    run = made.train(variants=variants, permutations=1)
    table = run.table.set_index("variant_id")
    assert dict(table["status"]) == {
        SNP: "ok", "3_1_A_C": "too_few_in_class", "X_1_A_C": "sex_chromosome",
        "4_1_A_C": "no_genotypes", "5_1_A_C": "ok", "6_1_A_C": "no_genotypes",
    }  # fmt: skip
    assert table.loc["5_1_A_C", "classes"] == "0/1+2"
    assert table.loc["3_1_A_C", "warning"] == "rare"
    assert table.loc["4_1_A_C", "n_uncertain"] == n
    assert table.loc["3_1_A_C", ["auc", "null_p", "fdr"]].isna().all()
    assert "MAF 0.0063" in caplog.text
    assert "had overfitted to a handful" in caplog.text
    with pytest.raises(InputError, match="columns named by variant_id, such as 9_1_A_C, got 1_100"):
        made.train(variants=["9_1_A_C"])
    made.genotypes[SNP] = 7.0
    with pytest.raises(InputError, match=r"1_100_A_G: genotypes: expected copies .* got 7"):
        made.train(variants=[SNP], force=True)


def test_without_a_list_of_people_there_is_a_warning(tmp_path, caplog):
    made = Made(tmp_path)
    inputs = made.inputs(keep=None)
    assert "no list of participants to keep: all 240 genotyped participants" in caplog.text
    assert len(inputs.people) == 240
    kept = made.inputs(keep=pd.Index(made.names[:100]))
    assert list(kept.people) == sorted(made.names[:100])
    assert dict(kept.left_out["reason"].value_counts()) == {"not_kept": 140}
    with pytest.raises(InputError, match="none of 240 genotyped, 0 of them kept"):
        made.inputs(keep=pd.Index(["someone"]))
    caplog.clear()
    made.table = made.table.drop(columns=["PC1", "PC2"])
    assert set(made.inputs().strata) == {0}
    assert "the tables have no PC1" in caplog.text
    made.table = made.table.drop(columns="sex")
    with pytest.raises(InputError, match="expected men and women in a column sex"):
        made.train(pretrain=True)


def test_jobs_and_lists():
    selected = pd.DataFrame({"region": ["hip", "hip", "knee"], "variant_id": ["a", "a", "b"]})
    assert len(genotype_jobs(selected, [], [])) == 2
    assert list(genotype_jobs(selected, ["knee"], [])["variant_id"]) == ["b"]
    assert len(genotype_jobs(None, ["hip", "knee"], ["a", "b"])) == 4
    with pytest.raises(InputError, match="rows of region spine, there are rows of hip, knee"):
        genotype_jobs(selected, ["spine"], [])
    with pytest.raises(InputError, match="'variant_id'"):
        genotype_jobs(selected[["region"]], [], [])
    assert is_autosomal("7_5_A_C")
    assert is_autosomal("rs5")
    assert not is_autosomal("23_5_A_C")


def test_the_baseline_is_out_of_fold():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(120, 2))
    y = (x[:, 0] + rng.normal(size=120) > 0).astype(float)
    fold = np.arange(120) % 3
    made = baseline_scores(x, y, fold)
    X = np.column_stack([np.ones(80), x[fold != 1]])
    beta = np.linalg.lstsq(X, y[fold != 1], rcond=None)[0]
    expected = np.column_stack([np.ones(40), x[fold == 1]]) @ beta
    np.testing.assert_allclose(made[fold == 1], expected, atol=1e-10)
    flipped = np.where(fold == 1, 1 - y, y)
    np.testing.assert_array_equal(baseline_scores(x, flipped, fold)[fold == 1], made[fold == 1])
    # a constant, and one that is not known of anybody, say nothing
    more = np.column_stack([x, np.ones(120), np.full(120, np.nan)])
    np.testing.assert_allclose(baseline_scores(more, y, fold), made, atol=1e-10)


def test_finished_models_are_listed(tmp_path):
    made = Made(tmp_path)
    made.train(regions=("ap_spine", "hip"), permutations=0)
    found = finished_models(made.models)
    assert len(found) == 6
    first = next(m for m in found if (m.region, m.variant_id) == ("ap_spine", SNP))
    assert first.head == "categorical"
    assert first.classes == ((0,), (1,), (2,))
    assert all(path.exists() for path in first.models)
    everyone = np.concatenate([list(people) for people in first.held_out])
    assert sorted(everyone) == sorted(made.names)
    np.testing.assert_array_equal(first.copies, made.genotypes.loc[first.copies.index, SNP])
    # one that is not finished is not listed
    first.models[0].unlink()
    assert len(finished_models(made.models)) == 5
    with pytest.raises(InputError, match="expected a folder of models"):
        finished_models(tmp_path / "none")


def test_names_of_folders():
    assert job.folder_name("1_2_A_C") == "1_2_A_C"
    long = "1_2_A_" + "C" * 300
    assert len(job.folder_name(long)) < 100
    assert job.folder_name(long) != job.folder_name(long + "C")
    assert "/" not in job.folder_name("1_2_<DEL>/x_A")
    assert job.folder_name("sex") != "sex"


def test_the_page_shows_what_the_tables_hold(tmp_path):
    made = Made(tmp_path)
    inputs = made.inputs()
    run = made.train(inputs=inputs, pretrain=True, permutations=3)
    step.write_genotype_models(run, inputs, tmp_path / "out")
    assert all((tmp_path / f"out{name}").exists() for name in step.OUTPUTS)
    figures = dict(genotype_sections(run))
    headings = list(figures)
    assert headings[:2] == ["Classifiers", "Pretraining"]
    assert headings[2:] == ["Genotypes"], "one epoch is no learning curve"
    second = pd.concat([run.epochs, run.epochs.assign(epoch=2)])
    more = dict(genotype_sections(replace(run, epochs=second)))
    assert f"Learning curves, ap_spine {SNP}" in more
    assert "Learning curves of the pretraining, ap_spine" in more
    assert "AUC of 3 classifiers" in description_of(figures["Classifiers"])
    page = (tmp_path / "out.genotype_models.html").read_text()
    assert "3 pairs of region and SNP" in page
    assert not any(name in page for name in made.names)
    table = pd.read_csv(tmp_path / "out.genotype_models.tsv", sep="\t")
    assert list(table) == list(job.COLUMNS)


def test_a_network_is_built_once_and_restarted(tmp_path):
    built, restarted = [], []

    class Counted(QuickBackend):
        def build(self, network, *, seed):
            model = super().build(network, seed=seed)
            built.append((network["weights"], seed))
            model.restart = lambda: restarted.append(seed)
            return model

    weights = tmp_path / "sex.npz"
    weights.write_bytes(b"1")
    backend = ReusingBackend(Counted())
    network = as_mapping(ImageNetwork((Head("genotype", "categorical", 3),)))
    first = backend.build(network, seed=1)
    assert backend.build(dict(network), seed=1) is first
    assert (len(built), restarted) == (1, [1])
    assert backend.build(network, seed=2) is not first
    other = {**network, "weights": str(weights)}
    from_sex = backend.build(other, seed=1)
    assert backend.build(other, seed=1) is from_sex
    # another file of the same name is another network
    weights.write_bytes(b"22")
    assert backend.build(other, seed=1) is not from_sex


@pytest.mark.parametrize(("asked", "words"), [({"stop_at": 0}, "stop_at = 0"),
                                              ({"min_per_class": 0}, "at least 1")])  # fmt: skip
def test_wrong_requests(tmp_path, asked, words):
    with pytest.raises(UsageError, match=words):
        Made(tmp_path).train(**asked)


def test_too_few_permutations_for_a_rate_are_said(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    Made(tmp_path, nulls=3).train(permutations=9)
    assert "at least 8 must reach it" in caplog.text
    assert "80 permutations would let one stand alone" in caplog.text
