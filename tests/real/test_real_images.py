"""Real DXA pictures and real odd DICOM files, read in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gwasbone.images.build import build_cache
from gwasbone.images.cache import open_cache
from gwasbone.images.dicom import read_picture
from gwasbone.images.grey import to_uint8
from gwasbone.images.refusal import RefusedError
from gwasbone.images.regions import body_detail
from gwasbone.images.sources import find_sources
from gwasbone.images.standard import mask_side_strips

pytestmark = pytest.mark.real

#: `body_region` of the index -> the package's name.
_REGIONS = {
    "lumbar spine": "ap_spine", "hip": "hip", "knee": "knee", "lateral spine": "lateral_spine",
    "whole body": "whole_body",
}  # fmt: skip

#: What `expected_action` of the edge cases says after "refuse: " -> reason.
_REASONS = {
    "compressed": "wrong_syntax",
    "truncated pixel data": "truncated",
    "more than one frame": "several_frames",
    "colour": "colour",
    "colour (palette)": "colour",
    "float pixel data": "float_pixels",
    "1-bit mask, not a grey picture": "one_bit",
    "invalid Number of Frames": "invalid_header",
    "not DICOM 3 (no header, no Photometric Interpretation)": "not_dicom",
    "not readable as DICOM": "not_dicom",
    "no picture in the file": "no_picture",
    "directory, no picture": "directory",
    "empty file": "empty_file",
}


_DECODED_AS_WELL = "JPEG-lossy.dcm"
#: Its index calls it cut short; it holds a compressed stream under an uncompressed syntax.
_COMPRESSED = "GH1376.dcm"


@pytest.fixture(scope="module")
def dxa(shared_data) -> Path:
    return shared_data / "images" / "dxa"


@pytest.fixture(scope="module")
def index(dxa) -> pd.DataFrame:
    return pd.read_csv(dxa / "index.tsv", sep="\t", index_col="file", dtype=str)


@pytest.fixture(scope="module")
def edge_cases(shared_data) -> Path:
    return shared_data / "images" / "edge_cases"


@pytest.fixture(scope="module")
def peculiar(edge_cases) -> pd.DataFrame:
    return pd.read_csv(edge_cases / "index.tsv", sep="\t", index_col="file", dtype=str)


def test_dxa_pictures_agree_with_their_conversions_and_their_index(dxa, index):
    assert len(index) == 8
    for file, row in index.iterrows():
        picture = read_picture(dxa / str(file))
        place = picture.place
        side = None if row["laterality"] == "none" else row["laterality"]
        assert (place.region, place.side) == (_REGIONS[row["body_region"]], side)
        seen = row["seen_in_picture"]
        view = {"soft" in seen: "flesh", "skeleton" in seen: "mixed"}.get(True)
        assert place.view == (view if place.region == "whole_body" else None)
        assert picture.person == row["subject"]
        assert (picture.study_date, str(picture.instance_number)) == (
            row["study_date"],
            row["instance_number"],
        )
        assert picture.pixels.shape == (int(row["rows"]), int(row["cols"]))
        assert picture.pixels.min() == int(row["pixel_min"])
        assert picture.pixels.max() == int(row["pixel_max"])
        expected = np.asarray(Image.open(dxa / row["expected_jpg"]).convert("L"), np.int16)
        difference = np.abs(to_uint8(picture.pixels, picture.white) - expected).mean()
        print(f"{place.region} {place.side or place.view or ''}: {difference:.3f} grey levels")
        assert difference < 0.7


def test_bone_and_soft_tissue_are_far_apart(dxa, index):
    whole = index.index[index["body_region"] == "whole body"]
    detail = [body_detail((p := read_picture(dxa / file)).pixels, p.white) for file in whole]
    print(f"detail of soft tissue {detail[0]:.3f}, of bone {detail[1]:.3f}")
    assert detail[0] < 0.085 / 1.2
    assert detail[1] > 0.115 * 1.2


def test_the_strips_of_the_spine_are_masked_and_the_spine_is_not(dxa, index):
    file = index.index[index["body_region"] == "lumbar spine"][0]
    pixels = read_picture(dxa / file).pixels
    masked = mask_side_strips(pixels)
    gone = masked != pixels
    print(f"{gone.sum():,} pixels masked, at most {gone[:, :358].sum(1).max()} left and "
          f"{gone[:, 358:].sum(1).max()} right")  # fmt: skip
    assert (pixels[gone] >= 250).all()
    assert not gone[:, 60:-60].any()
    # the steps run over the upper rows of both sides
    assert gone[:500, 0].all()
    assert gone[:500, -1].all()
    assert not (masked[:, [0, -1]] >= 250).any()
    np.testing.assert_array_equal(masked[:, 60:-60], pixels[:, 60:-60])


def test_no_other_picture_has_strips(dxa, index):
    """Bone of the lateral spine is saturated up to the edge of the picture."""
    for file in index.index[index["body_region"].isin(["hip", "knee", "whole body"])]:
        pixels = read_picture(dxa / str(file)).pixels
        np.testing.assert_array_equal(mask_side_strips(pixels), pixels)


def test_edge_cases_are_read_or_refused_as_their_index_says(edge_cases, peculiar):
    assert len(peculiar) == 36
    outcomes = {"read": 0, "refused": 0}
    for file, row in peculiar.iterrows():
        action = row["expected_action"]
        if action.startswith("refuse"):
            if file == _DECODED_AS_WELL:
                continue
            if file == _COMPRESSED:
                action = "refuse: compressed"
            with pytest.raises(RefusedError) as refused:
                read_picture(edge_cases / str(file))
            assert refused.value.refusal.reason == _REASONS[action.removeprefix("refuse: ")], file
            outcomes["refused"] += 1
            continue
        picture = read_picture(edge_cases / str(file))
        shape = tuple(map(int, row["stored_shape"].split("x")))
        assert picture.pixels.shape == shape, file
        assert picture.pixels.dtype in (np.uint8, np.uint16), file
        assert picture.pixels.max() <= picture.white, file
        outcomes["read"] += 1
    assert outcomes == {"read": 21, "refused": 14}
    # decoders gave up on its scan header when the index was made; GDCM and DCMTK read the image
    np.testing.assert_array_equal(
        read_picture(edge_cases / _DECODED_AS_WELL).pixels,
        read_picture(edge_cases / "JPGExtended.dcm").pixels,
    )


def test_edge_cases_have_the_stored_range_where_the_scale_is_linear(edge_cases, peculiar):
    """Stored values from the grey levels, by the slope and intercept of the header."""
    import pydicom

    checked = 0
    for file, row in peculiar[peculiar["expected_action"].str.startswith("read")].iterrows():
        header = pydicom.dcmread(edge_cases / str(file), force=True, stop_before_pixels=True)
        if "ModalityLUTSequence" in header:
            continue
        picture = read_picture(edge_cases / str(file))
        step = (picture.high - picture.low) / picture.white
        values = picture.low + step * picture.pixels.astype(float)
        slope = float(header.get("RescaleSlope") or 1)
        stored = (values - float(header.get("RescaleIntercept") or 0)) / slope
        found = (round(stored.min()), round(stored.max()))
        assert found == (int(float(row["stored_min"])), int(float(row["stored_max"]))), file
        checked += 1
    assert checked == 19


def test_one_picture_in_several_codings(edge_cases):
    def pixels(name: str) -> np.ndarray:
        return read_picture(edge_cases / name).pixels.astype(np.int32)

    reference = pixels("MR_small.dcm")
    for name in ("bigendian", "RLE", "jpeg_ls_lossless", "jp2klossless"):
        np.testing.assert_array_equal(pixels(f"MR_small_{name}.dcm"), reference)
    reference = pixels("RG3_RLE")
    for name in ("RG3_J2KR", "RG3_JPLL"):
        np.testing.assert_array_equal(pixels(name), reference)
    assert np.abs(pixels("RG3_JLSN") - reference).max() <= 4


def test_tables_of_modality_and_of_values_of_interest(edge_cases):
    modality = read_picture(edge_cases / "mlut_18.dcm")
    assert (modality.pixels.min(), modality.pixels.max()) == (0, 65535)
    plain = read_picture(edge_cases / "vlut_04.dcm")
    asked = read_picture(edge_cases / "vlut_04.dcm", voi=True)
    assert (plain.white, asked.white) == (255, 65535)
    # one output for each input
    pairs = np.unique(np.stack([plain.pixels.ravel(), asked.pixels.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(plain.pixels))


def test_the_cache_of_real_pictures(dxa, index, tmp_path):
    report = build_cache(find_sources([str(dxa)]), tmp_path)
    assert len(report.pictures) == 8
    assert set(report.refusals["reason"]) == {"not_dicom"}
    cache = open_cache(tmp_path)
    assert cache.names == [
        "ap_spine", "lateral_spine", "hip", "knee",
        "whole_body_mixed", "whole_body_flesh", "whole_body_skeleton",
    ]  # fmt: skip
    for name in cache.names:
        assert cache.pictures(name).shape[1:] == (672, 672, 1)
    assert cache.pictures("hip").table["side"].tolist() == ["left", "right"]
    body = cache.body_channels()
    assert body.people.tolist() == ["example2"]
    skeleton, flesh, mixed = np.moveaxis(255 - body[0].astype(np.int32), -1, 0)
    # bone without its outline, flesh broader than bone
    assert (skeleton > 20).mean() < (mixed > 20).mean()
    assert skeleton[:330].max() > 240
    assert np.corrcoef(flesh.ravel() > 20, mixed.ravel() > 20)[0, 1] > 0.9
