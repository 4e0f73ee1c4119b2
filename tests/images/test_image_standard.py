"""A picture to its standard array."""

import pickle

import numpy as np
import pytest
from made_dicom import bodies, scan

from gwasbone.errors import UsageError
from gwasbone.images.grey import eight_bit, white_of
from gwasbone.images.settings import ARRAYS, Frame, ImageSettings, median_size
from gwasbone.images.standard import (
    cropped,
    mask_side_strips,
    resized,
    skeleton_only,
    standard_arrays,
)


def _arrays(pixels, region, side=None, view=None, settings=None, white=255):
    return standard_arrays(
        pixels, white, region=region, side=side, view=view, settings=settings or ImageSettings()
    )


def test_a_crop_keeps_the_centre_and_adds_black():
    grey = np.arange(1, 31, dtype=np.uint8).reshape(5, 6)
    np.testing.assert_array_equal(cropped(grey, Frame(3, 4, 1, 1)), grey[1:4, 1:5])
    larger = cropped(grey, Frame(8, 6, 1, 1))
    np.testing.assert_array_equal(larger[1:6], grey)
    assert larger[0].sum() == larger[6:].sum() == 0
    mixed = cropped(grey, Frame(7, 2, 1, 1))
    np.testing.assert_array_equal(mixed[1:6], grey[:, 2:4])
    np.testing.assert_array_equal(cropped(grey, Frame(0, 0, 1, 1)), grey)


def test_halving_averages_and_a_flat_picture_stays_flat():
    flat = np.full((90, 30), 77, np.uint8)
    assert (resized(flat, Frame(0, 0, 67, 67)) == 77).all()
    grey = np.zeros((40, 40), np.uint8)
    grey[20:, :] = 200
    small = resized(grey, Frame(0, 0, 10, 10))
    assert (small[:4] == 0).all()
    assert (small[6:] == 200).all()
    assert small.mean() == pytest.approx(100, abs=1)


def test_every_region_gives_its_array_of_the_size_asked_for():
    made = {}
    for region, side in [("ap_spine", None), ("hip", "left"), ("lateral_spine", None)]:
        made |= _arrays(scan(1, (700, 300)), region, side, settings=ImageSettings.sized(224))
    bone, flesh = bodies()
    made |= _arrays(bone, "whole_body", view="mixed", settings=ImageSettings.sized(224))
    made |= _arrays(flesh, "whole_body", view="flesh", settings=ImageSettings.sized(224))
    assert set(made) == set(ARRAYS) - {"knee", "forearm"}
    assert {(one.shape, one.dtype.str) for one in made.values()} == {((224, 224), "|u1")}


def test_a_hip_of_672_pixels_is_only_inverted():
    pixels = scan(2, (672, 672))
    np.testing.assert_array_equal(_arrays(pixels, "hip", "left")["hip"], 255 - pixels)
    as_scanned = ImageSettings(invert=False)
    np.testing.assert_array_equal(
        _arrays(pixels, "hip", "left", settings=as_scanned)["hip"], pixels
    )


def test_black_that_is_added_looks_like_the_background():
    array = _arrays(np.zeros((100, 100), np.uint8), "knee", "left")["knee"]
    assert (array == 255).all()


def test_16_bits_become_8():
    pixels = scan(3, (672, 672)).astype(np.uint16) * 257
    wide = _arrays(pixels, "knee", "left", white=65535)["knee"]
    np.testing.assert_array_equal(wide, 255 - (pixels // 257).astype(np.uint8))


@pytest.mark.parametrize(
    ("precision", "white", "most"),
    [("uint8", 255, 0.5 / 255), ("uint16", 65535, 0.5 / 65535), ("float32", 1, 2**-25)],
)
def test_levels_are_off_by_half_a_level_of_the_precision_at_most(precision, white, most):
    rng = np.random.default_rng(7)
    for top in (255, 1023, 4095, 65535):
        pixels = rng.integers(0, top + 1, (672, 672)).astype(np.uint16)
        for invert in (False, True):
            settings = ImageSettings(precision=precision, invert=invert)
            made = _arrays(pixels, "hip", "left", white=top, settings=settings)["hip"]
            assert made.dtype == precision
            share = made.astype(np.float64) / white
            exact = 1 - pixels / top if invert else pixels / top
            error = np.abs(share - exact).max()
            # float32 rounds once more where it is inverted
            assert error <= most * (1 + 1e-9) * (2 if precision == "float32" else 1)


@pytest.mark.parametrize("precision", ["uint16", "float32"])
def test_every_step_does_the_same_in_every_precision(precision):
    bone, flesh = bodies((700, 300))
    _, dirty, _ = _strips((672, 672))
    for size in (224, 672):
        for pixels, region, view in (
            (bone, "whole_body", "mixed"), (flesh, "whole_body", "flesh"),
            (dirty, "ap_spine", None),
        ):  # fmt: skip
            coarse = _arrays(pixels, region, view=view, settings=ImageSettings.sized(size))
            fine = _arrays(
                pixels, region, view=view,
                settings=ImageSettings.sized(size, precision=precision),
            )  # fmt: skip
            assert coarse.keys() == fine.keys()
            for name, levels in fine.items():
                # Pillow rounds 8-bit images after each axis
                assert np.abs(levels * (255 / white_of(precision)) - coarse[name]).max() <= 1.01
                assert np.abs(eight_bit(levels).astype(int) - coarse[name]).max() <= 1


def test_resizing_is_as_exact_as_the_precision():
    pixels = np.random.default_rng(8).integers(0, 4096, (700, 500)).astype(np.uint16)
    wide, exact = (
        _arrays(pixels, "hip", "left", white=4095, settings=ImageSettings.sized(224, precision=p))
        for p in ("uint16", "float32")
    )
    error = np.abs(wide["hip"] / 65535 - exact["hip"].astype(np.float64)).max()
    # half a level before resizing, half a level after
    assert error < 1.01 / 65535


def test_the_mirrored_side_and_only_sided_regions():
    settings = ImageSettings(mirror="right")
    pixels = scan(4, (672, 672))
    right = _arrays(pixels, "hip", "right", settings=settings)["hip"]
    left = _arrays(pixels[:, ::-1], "hip", "left", settings=settings)["hip"]
    np.testing.assert_array_equal(right, left)
    spine = _arrays(pixels, "ap_spine", settings=settings)["ap_spine"]
    np.testing.assert_array_equal(spine, _arrays(pixels, "ap_spine")["ap_spine"])


def _strips(shape=(120, 60)):
    rng = np.random.default_rng(6)
    clean = rng.integers(0, 200, shape, dtype=np.uint8)
    dirty = clean.copy()
    strip = np.zeros(shape, bool)
    strip[:30, :9] = strip[30:70, :5] = strip[:80, -7:] = strip[80:100, -12:] = True
    dirty[strip] = 252
    return clean, dirty, strip


def test_saturated_steps_at_the_sides_become_black_and_nothing_else_changes():
    clean, dirty, strip = _strips()
    np.testing.assert_array_equal(mask_side_strips(dirty), np.where(strip, 0, clean))


def test_bone_that_reaches_the_edge_is_no_strip():
    clean, _, _ = _strips()
    wedge = clean.copy()
    for row in range(40):  # wider from row to row, as an iliac crest
        wedge[row, : row // 2 + 3 * (row % 2) + 1] = 252
    wedge[100:108, -20:] = 252  # straight, but of few rows
    wedge[50:80, 20:40] = 252  # saturated, but inside
    np.testing.assert_array_equal(mask_side_strips(wedge), wedge)


def test_strips_are_masked_in_spines_from_the_front_only():
    _, dirty, _ = _strips((672, 672))
    assert (_arrays(dirty, "ap_spine")["ap_spine"][:70, :5] == 255).all()
    assert (_arrays(dirty, "lateral_spine")["lateral_spine"] < 10).any()
    unmasked = ImageSettings(mask_strips=False)
    assert (_arrays(dirty, "ap_spine", settings=unmasked)["ap_spine"][:30, :5] == 3).all()


def test_a_skeleton_keeps_what_bone_encloses():
    # by hand: 70 and 249 are bone, 69 and 250 are not
    grey = np.array(
        [
            [20, 20, 20, 20, 20, 20],
            [20, 70, 30, 30, 249, 20],
            [69, 90, 30, 30, 90, 250],
            [20, 90, 90, 90, 90, 20],
            [20, 20, 20, 20, 20, 20],
        ],
        np.uint8,
    )
    expected = np.array(
        [
            [0, 0, 0, 0, 0, 0],
            [0, 70, 0, 0, 249, 0],
            [0, 90, 0, 0, 90, 0],
            [0, 90, 90, 90, 90, 0],
            [0, 0, 0, 0, 0, 0],
        ],
        np.uint8,
    )
    np.testing.assert_array_equal(skeleton_only(grey), expected)
    lid = grey.copy()
    lid[0, 1:5] = 80
    assert skeleton_only(lid)[1:3, 2:4].tolist() == [[30, 30], [30, 30]]


@pytest.mark.parametrize("turn", range(4))
def test_flesh_is_cut_from_all_four_sides(turn):
    cup = np.full((6, 6), 30, np.uint8)
    cup[1:5, 1] = cup[1:5, 4] = cup[4, 1:5] = 100
    expected = np.zeros((6, 6), np.uint8)
    expected[1:5, 1] = expected[1:5, 4] = expected[4, 1:5] = 100
    np.testing.assert_array_equal(skeleton_only(np.rot90(cup, turn)), np.rot90(expected, turn))


def test_median_sizes_fit_the_limit_and_keep_the_shape():
    height, width = median_size([(800, 600), (850, 640), (5000, 640)])
    assert height * width <= 100_000
    assert height / width == pytest.approx(850 / 640, rel=0.01)
    assert median_size([(100, 50)]) == (100, 50)
    for frame in ImageSettings.biological_age().frames.values():
        assert frame.height * frame.width <= 100_000


def test_settings_have_a_hash_and_travel():
    settings = ImageSettings.biological_age()
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert ImageSettings.from_mapping(settings.as_mapping()) == settings
    hashes = {s.hash for s in (settings, ImageSettings(), ImageSettings.sized(224))}
    assert len(hashes) == 3
    assert ImageSettings(precision="uint16").hash != ImageSettings().hash
    assert ImageSettings.sized(672).hash == ImageSettings().hash
    with pytest.raises(UsageError, match="mirror"):
        ImageSettings(mirror="both")
    with pytest.raises(UsageError, match="uint8 or uint16 or float32 as precision, got 'int8'"):
        ImageSettings(precision="int8")
    with pytest.raises(UsageError, match="header or image as grey_range"):
        ImageSettings(grey_range="percentile")
    with pytest.raises(UsageError, match="another version"):
        ImageSettings.from_mapping(settings.as_mapping() | {"version": 1})
    with pytest.raises(UsageError, match="frame"):
        ImageSettings(frames={"hip": Frame(1, 1, 1, 1)})
