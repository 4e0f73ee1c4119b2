"""Pictures of simulated people: whose density, age, sex and variants they show."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pydicom
import pytest

from gwasbone.cli import main
from gwasbone.errors import InputError
from gwasbone.simulate import (
    QuestionnaireSettings,
    SimulationSettings,
    simulate_cohort,
    simulate_genotypes,
    simulate_phenotypes,
    simulate_questionnaire,
)
from gwasbone.simulate.phantom_people import (
    MEASUREMENTS,
    PLACES,
    cohort_phantoms,
    local_effects,
    phantom_people,
    write_phantoms,
)
from gwasbone.simulate.phantoms import SITES, PhantomSettings

COHORT = SimulationSettings.light(
    n_people=60, n_variants=300, n_segments=3, chromosomes=(1, 2, 23), n_causal=12, n_planted=3
)
ASKED = QuestionnaireSettings(n_filler=0, imaged_share=0.8, twice_share=0.3, withdrawn_share=0.1)


@pytest.fixture(scope="module")
def phantoms():
    return cohort_phantoms(COHORT, ASKED)


def test_genotypes_at_hand_give_what_drawing_them_again_gives(phantoms, tmp_path):
    genotypes = simulate_genotypes(COHORT)
    made = cohort_phantoms(COHORT, ASKED, genotypes=genotypes)
    pd.testing.assert_frame_equal(made.people, phantoms.people)
    assert made.effects == phantoms.effects
    simulate_cohort(COHORT, tmp_path / "given", formats=("plink",), genotypes=genotypes)
    simulate_cohort(COHORT, tmp_path / "drawn", formats=("plink",))
    for name in ("genotypes.bed", "genotypes.bim", "phenotypes.tsv", "truth/causal_variants.tsv"):
        given, drawn = (tmp_path / folder / name for folder in ("given", "drawn"))
        assert given.read_bytes() == drawn.read_bytes(), name


def test_bodies_are_those_of_the_questionnaire():
    made = simulate_questionnaire(
        QuestionnaireSettings(n_people=200, n_filler=0, withdrawn_share=0.1)
    )
    people = phantom_people(made)
    table = made.table.set_index("eid")
    first = people[people["instance"] == 2].set_index("eid")
    table = table.loc[first.index]
    np.testing.assert_array_equal(first["male"], table["31-0.0"])
    np.testing.assert_array_equal(first["age"], table["21003-2.0"])
    weighed = table["21002-2.0"].notna()
    np.testing.assert_allclose(first["weight"][weighed], table["21002-2.0"][weighed])
    assert (people["eid"] > 0).all()
    assert (made.people["eid"] < 0).any()


def test_what_pictures_show_is_the_true_density_in_standard_deviations():
    assert set(MEASUREMENTS) == set(SITES)
    made = simulate_questionnaire(
        QuestionnaireSettings(n_people=300, n_filler=0, withdrawn_share=0)
    )
    people, true = phantom_people(made), made.true_bmd
    hip = (true["bmd_femur_total_left"] + true["bmd_femur_total_right"]) / 2
    by_hand = (hip - hip.mean()) / hip.std(ddof=0)
    np.testing.assert_allclose(people["density_hip"], by_hand)
    sites = [f"density_{site}" for site in SITES]
    np.testing.assert_allclose(people[sites].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(people[sites].std(ddof=0), 1)


def test_dosages_are_the_true_ones_of_each_person(phantoms):
    genotypes = simulate_genotypes(COHORT)
    row = {name: i for i, name in enumerate(genotypes.variants["source_id"])}
    column = {int(iid): i for i, iid in enumerate(genotypes.people["iid"])}
    rows = np.array([row[effect.variant] for effect in phantoms.effects])
    truth = genotypes.true_dosages(rows)
    for visit in phantoms.people.itertuples():
        expected = truth[:, column[visit.eid]]
        assert [getattr(visit, effect.variant) for effect in phantoms.effects] == list(expected)


def test_dosages_are_matched_by_person_not_by_order():
    made = simulate_questionnaire(QuestionnaireSettings(n_people=30, n_filler=0))
    eid = made.people["eid"].to_numpy()
    dosages = pd.DataFrame({"rs1": eid % 3.0}, index=eid)
    people = phantom_people(made, dosages=dosages.iloc[::-1])
    np.testing.assert_array_equal(people["rs1"], people["eid"] % 3)
    with pytest.raises(InputError, match="expected dosages of all participants"):
        phantom_people(made, dosages=dosages.iloc[1:3])


def test_planted_autosomal_variants_get_a_place_each(phantoms):
    causal = simulate_phenotypes(simulate_genotypes(COHORT), COHORT).causal_variants
    effects = local_effects(causal)
    assert [effect.region for effect in effects] == [region for region, _, _ in PLACES]
    assert len({effect.variant for effect in effects}) == 3
    of = causal.drop_duplicates("source_id").set_index("source_id")
    autosomal = of[(of["chromosome"] < 23) & of["frequency_all"].between(0.05, 0.95)]
    n_planted = min(3, int(autosomal["planted"].sum()))
    assert of.loc[[e.variant for e in effects[:n_planted]], "planted"].all()
    assert (of.loc[[e.variant for e in effects], "chromosome"] < 23).all()
    assert len(local_effects(causal, n=1)) == 1


def test_files_and_their_truth(phantoms, tmp_path):
    settings = PhantomSettings(pictures=("ap_spine",), scale=0.06)
    made = write_phantoms(phantoms, tmp_path, settings=settings, n_people=4)
    drawn = pd.read_parquet(tmp_path / "truth" / "phantom_people.parquet")
    assert made["eid"].nunique() == drawn["eid"].nunique() == 4
    assert len(made) == len(drawn)
    effects = pd.read_csv(tmp_path / "truth" / "phantom_effects.tsv", sep="\t")
    assert list(effects["variant"]) == [effect.variant for effect in phantoms.effects]
    assert (
        effects[["chromosome", "base_pair_location", "effect_allele", "x", "y"]]
        .notna()
        .all(axis=None)
    )
    assert json.loads((tmp_path / "images" / ".phantoms.json").read_text())["effects"]


SMALL = [
    "--people", "25", "--questionnaire", "csv", "--set", "phantoms.scale=0.06",
    "--set", "phantoms.pictures=('ap_spine',)", "--set", "questionnaire.n_filler=0",
]  # fmt: skip


def test_the_command_draws_the_imaged_people(tmp_path, capsys):
    out = tmp_path / "c"
    arguments = ["simulate", "--out", str(out), "--no-genotypes", "--images", "3", *SMALL]
    assert main(arguments) == 0
    assert "images of 3 participants" in capsys.readouterr().out
    files = sorted((out / "images").glob("*/*.dcm"))
    people = pd.read_parquet(out / "truth" / "phantom_people.parquet")
    assert {int(pydicom.dcmread(f).PatientID) for f in files} == set(people["eid"])
    assert "phantoms.scale = 0.06" in (out / "simulate.log").read_text()
    # nothing is drawn over
    assert main(arguments) == 1
    assert main([*arguments, "--force"]) == 0
    capsys.readouterr()
    assert main(["simulate", "--out", str(out), "--images", "--people", "25"]) == 2
    assert "add --questionnaire" in capsys.readouterr().err
    assert main([*arguments, "--force", "--set", "phantoms.scael=1"]) == 2


def test_settings_of_pictures_are_shown(capsys):
    assert main(["simulate", "--out", "nowhere", "--settings"]) == 0
    assert "phantoms.scale = 0.5" in capsys.readouterr().out
