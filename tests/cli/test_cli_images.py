"""``gwasbone images``: cache, tables, contact sheet, and what is said of bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from small_cohort import one_line_error

from gwasbone.cli import main
from gwasbone.images.cache import open_cache


def _scan(path: Path, seed: int, person: str, protocol: str) -> None:
    """A DICOM file of noise."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = ComputedRadiographyImageStorage
    made.SOPInstanceUID = f"1.2.3.{seed}"
    made.Modality, made.PatientID, made.ProtocolName = "CR", person, protocol
    made.StudyDate = "20200102"
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = 40, 30
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    pixels = np.random.default_rng(seed).integers(0, 250, (40, 30), dtype=np.uint8)
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, made, enforce_file_format=True)


@pytest.fixture
def scans(tmp_path) -> Path:
    """Three people; the third has five knees, and among the files are two that are no picture."""
    folder = tmp_path / "scans"
    for seed, (person, protocol) in enumerate(
        [("a", "Left Femur"), ("a", "Right Femur"), ("b", "AP Spine"), *[("c", "Left Knee")] * 5]
    ):
        _scan(folder / f"{seed}.dcm", seed, person, protocol)
    (folder / "empty.dcm").touch()
    (folder / "text.dcm").write_text("no image")
    return folder


@pytest.fixture
def run(tmp_path, capfd):
    def run(*words: object) -> str:
        command = ["images", "--threads", "1", "--out", str(tmp_path / "out"), *map(str, words)]
        assert main(command) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    return run


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def test_a_folder_becomes_a_cache_with_its_tables_and_page(scans, run, tmp_path):
    people = tmp_path / "people.tsv"
    people.write_text("IID\tage\na\t50\nb\t60\nd\t70\n-3\t1\n")
    out = tmp_path / "out"
    said = run("--dicom", scans, "--size", 32, "--people", people)
    assert "10 files read, 0 known; the cache has 8 images of 3 participants" in said
    assert f"2 files refused: {out / 'refusals.tsv'}" in said
    assert "1 participants without an image" in said
    assert "5 images of participants not in the table" in said
    assert "1 repeated images of a visit" in said
    assert open_cache(out).pictures("hip").shape == (2, 32, 32, 1)
    refused = _table(out / "refusals.tsv")
    assert refused["reason"].tolist() == ["empty_file", "not_dicom"]
    assert _table(out / "people_without_picture.tsv")["person"].tolist() == ["d"]
    assert set(_table(out / "pictures_without_person.tsv")["person"]) == {"c"}
    (repeated,) = _table(out / "repeated.tsv").itertuples()
    assert (repeated.person, repeated.array, repeated.pictures) == ("c", "knee", "5")
    assert _table(out / "counts.tsv").set_index("array")["pictures"].to_dict() == {
        "ap_spine": "1", "hip": "2", "knee": "5",
    }  # fmt: skip
    # three participants are too few for a mean, and none is shown alone
    page = (out / "contact_sheet.html").read_text()
    assert "<img" not in page
    assert "20200102" not in page
    assert "No image is shown: they are of fewer than 5 participants." in page
    run("--dicom", scans, "--size", 32, "--people", people, "--small-counts")
    page = (out / "contact_sheet.html").read_text()
    # below each image and for those who cannot see it
    assert page.count("c 20200102 left") == 10
    assert "a 20200102 right" in page
    log = (out / "images.log").read_text()
    assert "refused as empty_file" in log
    assert "participants without image: 1 of 3" in log


def test_it_grows_and_a_shell_may_write_the_glob_out(scans, run, tmp_path):
    files = sorted(scans.glob("[0-3].dcm"))
    assert "4 files read, 0 known" in run("--dicom", *files, "--size", 32)
    said = run("--dicom", scans, "--dicom", f"{scans}/*.dcm", "--size", 32)
    assert "6 files read, 4 known; the cache has 8 images" in said
    assert "0 files read, 10 known" in run("--dicom", scans, "--size", 32)
    assert not (tmp_path / "out" / "people_without_picture.tsv").exists()


def test_the_cache_may_lie_among_the_scans(scans, tmp_path, capsys):
    command = ["images", "--dicom", str(scans), "--out", str(scans / "cache"), "--size", "32"]
    for known in (0, 10):
        assert main([*command, "--threads", "1"]) == 0
        assert f"{10 - known} files read, {known} known" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["scans", "."])
def test_images_within_the_cache_are_refused_before_they_are_left_out(
    scans, tmp_path, monkeypatch, capfd, out
):
    monkeypatch.chdir(tmp_path)
    error = one_line_error(["images", "--dicom", "scans", "--out", out], capfd)
    assert f"--out {out}: expected a folder for the cache that holds no images" in error
    assert f"such as {Path(out) / 'cache'}" in error
    assert [p.name for p in tmp_path.iterdir()] == ["scans"]
    assert not list(scans.glob("*.tsv"))


def test_presets_and_labels(scans, run, tmp_path):
    _scan(scans / "odd.dcm", 90, "e", "Hand")
    labels = tmp_path / "labels.tsv"
    labels.write_text("file\tregion\tside\nodd.dcm\thip\tright\n")
    run("--dicom", scans, "--labels", labels, "--preset", "age")
    hips = open_cache(tmp_path / "out").pictures("hip")
    assert hips.people.tolist() == ["a", "a", "e"]
    assert hips.table["mirrored"].tolist() == [0, 1, 1]
    assert hips.shape[1] * hips.shape[2] <= 100_000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--dicom", "nowhere"], "expected DICOM files at nowhere"),
        (["--dicom", "{scans}", "--people", "nowhere"], "no file nowhere"),
        (["--dicom", "{scans}", "--labels", "nowhere"], "there is no nowhere"),
        (["--dicom", "{scans}", "--size", "64"], "other settings (frames)"),
    ],
)
def test_bad_input_is_one_line_and_leaves_the_cache_alone(scans, run, tmp_path, capfd, words, says):
    run("--dicom", scans, "--size", 32)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*.[nt]*")}
    words = [word.format(scans=scans) for word in words]
    line = one_line_error(["images", "--out", str(tmp_path / "out"), *words], capfd)
    assert says in line
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*.[nt]*")} == before


def test_not_one_picture_is_an_error_that_names_the_table(tmp_path, capfd):
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "a").write_text("no image")
    out = tmp_path / "out"
    line = one_line_error(["images", "--dicom", str(folder), "--out", str(out)], capfd)
    assert "none of 1 files is one (not_dicom 1)" in line
    assert str(out / "refusals.tsv") in line
    assert not list(out.glob("*.npy"))


def test_a_wrong_command_line_exits_2(scans, tmp_path, capsys):
    command = ["images", "--dicom", str(scans), "--out", str(tmp_path / "out")]
    assert main(["images", "--dicom", str(scans)]) == 2
    assert main([*command, "--size", "1"]) == 2
    assert main([*command, "--preset", "age", "--size", "64"]) == 2
    assert not (tmp_path / "out").exists()


def test_coarse_levels_and_shared_instances_are_warned_of_with_a_remedy(tmp_path, run, capfd):
    folder = tmp_path / "scans"
    for seed, person in enumerate("abc"):
        _scan(folder / f"{person}.dcm", min(seed, 1), person, "Left Femur")
    wide = pydicom.dcmread(folder / "a.dcm")
    pixels = wide.pixel_array.astype(np.uint16) * 16
    wide.BitsAllocated = wide.BitsStored = 16
    wide.HighBit, wide.PixelData = 15, pixels.tobytes()
    wide["PixelData"].VR = "OW"
    wide.save_as(folder / "a.dcm")
    main(["images", "--threads", "1", "--out", str(tmp_path / "out"), "--size", "32", str(folder)])
    out = "".join(capfd.readouterr())
    assert "1 images keep fewer than 64 grey levels" in out
    assert "its header allows 65535; --precision uint16 keeps them" in out
    assert "1 SOP Instance UIDs are those of images of several participants (b;c)" in out
    assert _table(tmp_path / "out" / "shared_instance_uids.tsv")["people"].tolist() == ["b;c"]
    counts = _table(tmp_path / "out" / "counts.tsv").iloc[0]
    assert int(counts["fewest_grey_levels"]) < 20
    assert int(counts["median_grey_levels"]) > 200
    assert "other settings" in one_line_error(
        ["images", "--out", str(tmp_path / "out"), "--precision", "uint16", str(folder)], capfd
    )
    run("--size", 32, "--precision", "uint16", "--grey-range", "image", "--voi", "--force", folder)
    cache = open_cache(tmp_path / "out")
    assert (cache.pictures("hip").dtype, cache.settings.grey_range) == ("uint16", "image")
    assert cache.settings.voi
    assert (cache.index["kept_levels"] == cache.index["grey_levels"]).all()
