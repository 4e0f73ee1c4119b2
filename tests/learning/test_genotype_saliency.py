"""Where networks of genotypes look, with the reference backend."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_genotypes import SIDE, Made

from gwasbone.errors import InputError
from gwasbone.learning.genotype_saliency import (
    class_names,
    finished_models,
    genotype_request,
    genotype_saliency,
    learned_jobs,
)
from gwasbone.learning.person_maps import person_maps
from gwasbone.learning.reference import ReferenceBackend
from gwasbone.report.pages.saliency import saliency_sections, write_saliency

PLACE = np.zeros((SIDE, SIDE), dtype=bool)
PLACE[4:10, 4:10] = True


@pytest.mark.parametrize("head", ["categorical", "ordinal"])
def test_the_planted_place_is_looked_at_and_a_null_one_is_not(tmp_path, head):
    made = Made(tmp_path, effect=3.0, nulls=1, twice=20)
    made.train(ReferenceBackend(), permutations=0, head=head)
    shares = {}
    for model in finished_models(made.models):
        asked = genotype_request(model, most=60)
        found = person_maps(ReferenceBackend(), made.cache, "ap_spine", asked)
        shares[model.variant_id] = found.mass_in(PLACE)
    planted, null = shares[made.PLANTED], shares["2_1_C_T"]
    assert planted.mass > 5 * planted.of_area
    assert abs(null.mass - null.of_area) < 0.3 * planted.mass
    (seen,) = genotype_saliency(
        ReferenceBackend(), made.cache, made.models, {("ap_spine", made.PLANTED)}, most=60
    )
    assert seen.maps.names == ("no G", "one G", "two G")
    assert (seen.maps.n <= 60).all()
    assert seen.title == "copies at 1_100_A_G from ap spine"
    assert [heading for heading, _ in saliency_sections([seen])] == [f"C{seen.title[1:]}"]


def test_merged_classes(tmp_path):
    """Two rare homozygotes belong to the carriers."""
    made = Made(tmp_path, maf=0.1, effect=3.0, nulls=0)
    made.train(ReferenceBackend(), permutations=0, min_per_class=30)
    (model,) = finished_models(made.models)
    asked = genotype_request(model)
    assert asked.names == ("no G", "one or two G")
    assert sum(asked.question.contrast) == pytest.approx(0)
    assert asked.group.value_counts().to_dict() == {
        0.0: (model.copies == 0).sum(), 1.0: (model.copies > 0).sum(),
    }  # fmt: skip
    with pytest.raises(InputError, match="expected a folder of models"):
        genotype_saliency(ReferenceBackend(), made.cache, tmp_path / "none", set())


def test_only_what_was_learned_is_drawn(tmp_path):
    fdr = [0.01, 0.2, np.nan]
    table = pd.DataFrame({"region": ["hip", "hip", "knee"], "variant_id": [*"aba"], "fdr": fdr})
    assert learned_jobs(table) == {("hip", "a")}
    write_saliency([], tmp_path / "out", task="Genotypes")
    assert not list(tmp_path.iterdir())


def test_names_of_alleles():
    assert class_names("6_5_A_TTG", [(0, 1), (2,)]) == ("no or one TTG", "two TTG")
