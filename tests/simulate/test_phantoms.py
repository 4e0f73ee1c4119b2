"""Phantoms: what a picture shows is what its person has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pydicom
import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.simulate.phantom_anatomy import PICTURES, Body, LocalEffect, draw
from gwasbone.simulate.phantom_canvas import NoiseBank
from gwasbone.simulate.phantoms import PROTOCOLS, SITES, PhantomSettings, simulate_phantoms

SCALE = 0.25


def body(**changes) -> Body:
    given = {
        "male": True, "age": 60, "height_cm": 172, "weight_kg": 76,
        "density": dict.fromkeys(SITES, 0.0), "dosage": {"rs1": 0.0},
    }  # fmt: skip
    return Body(**(given | changes))


def picture(name, person, effects=(), seed=1) -> np.ndarray:
    noise = NoiseBank(1, rows=round(PICTURES[name][0] * SCALE))
    rng = np.random.default_rng(seed)
    return draw(name, person, effects, scale=SCALE, noise=noise, rng=rng).astype(float)


def people(n: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "eid": 1001 + np.arange(n), "instance": 2, "male": np.arange(n) % 2,
            "age": 50.0 + np.arange(n), "height": 170.0, "weight": 74.0,
        }
    )  # fmt: skip
    return table.assign(**{f"density_{site}": rng.standard_normal(n) for site in SITES})


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "whole_body_soft"])
def test_denser_bone_is_brighter(name):
    site = name.removeprefix("left_").removeprefix("right_").replace("_skeleton", "")
    means = [
        picture(name, body(density=dict.fromkeys(SITES, 0.0) | {site: z})).mean()
        for z in (-2.0, 0.0, 2.0)
    ]
    assert means[0] < means[1] < means[2]


def test_texture_grows_coarser_with_age():
    knees = [picture("left_knee", body(age=age)) for age in (45, 80)]
    patch = (slice(165, 205), slice(70, 90))  # inside the tibia
    assert knees[1][patch].std() > 1.3 * knees[0][patch].std()


def test_a_variant_brightens_its_place_and_nothing_else():
    effect = LocalEffect("rs1", "hip", (0.08, 0.41), 0.04, 0.15)
    none, two = (
        picture("left_hip", body(dosage={"rs1": copies}), [effect]) for copies in (0.0, 2.0)
    )
    difference = two - none
    rows, columns = difference.shape
    y, x = np.mgrid[:rows, :columns]
    x, y = (x - columns / 2) / rows, y / rows
    near = np.hypot(x - 0.08, y - 0.41) < 0.12
    assert difference[near].mean() > 5
    assert np.abs(difference[~near]).max() <= 1
    other = picture("left_knee", body(dosage={"rs1": 2.0}), [effect])
    np.testing.assert_array_equal(other, picture("left_knee", body(), [effect]))


def test_right_is_left_in_a_mirror():
    left, right = (picture(f"{side}_hip", body()) for side in ("left", "right"))
    np.testing.assert_array_equal(right, left[:, ::-1])


def test_files_carry_the_tags_of_real_scans(tmp_path):
    made = simulate_phantoms(people(2), tmp_path, settings=PhantomSettings(scale=SCALE))
    assert len(made) == 2 * len(PICTURES)
    uids = set()
    for row in made.itertuples():
        ds = pydicom.dcmread(tmp_path / row.path)
        uids.add(ds.SOPInstanceUID)
        assert ds.ProtocolName == PROTOCOLS[row.picture]
        assert (ds.BodyPartExamined, ds.Laterality, ds.ViewPosition) == ("", "", "")
        assert (ds.PatientID, ds.PatientAge) == (str(row.eid), f"{49 + int(row.eid) - 1000:03d}Y")
        assert ds.PatientSex == ("M" if row.eid == 1002 else "F")
        rows, columns = PICTURES[row.picture]
        assert ds.pixel_array.shape == (round(rows * SCALE), round(columns * SCALE))
        assert ds.pixel_array.max() <= 252
    assert len(uids) == len(made)


def test_a_persons_pictures_do_not_depend_on_who_else_is_drawn(tmp_path):
    settings = PhantomSettings(pictures=("ap_spine",), scale=SCALE)
    table = people(3)
    simulate_phantoms(table, tmp_path / "all", settings=settings)
    simulate_phantoms(table.iloc[[2]], tmp_path / "one", settings=settings)
    name = "1003_2/ap_spine.dcm"
    assert (tmp_path / "all" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_bad_requests_are_named(tmp_path):
    with pytest.raises(InputError, match=r"lacking .*density_hip"):
        simulate_phantoms(people().drop(columns="density_hip"), tmp_path)
    with pytest.raises(UsageError, match="images: expected some of ap_spine"):
        PhantomSettings(pictures=("elbow",))
    with pytest.raises(UsageError, match=r"scale: expected 0.05 to 1, got 3"):
        PhantomSettings(scale=3)
