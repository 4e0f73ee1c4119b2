"""Where files are found, what tables say, and what is counted."""

from __future__ import annotations

import contextlib
import os
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from made_dicom import write_dicom

from gwasbone.errors import InputError
from gwasbone.images import sources as sources_module
from gwasbone.images.counts import (
    coarse_pictures,
    count_pictures,
    count_refusals,
    people_without_picture,
    pictures_without_person,
    repeated_pictures,
    shared_instances,
)
from gwasbone.images.refusal import RefusedError
from gwasbone.images.region_map import read_region_map
from gwasbone.images.regions import Place
from gwasbone.images.sources import Source, find_sources, read_bytes, read_labels
from gwasbone.plots.contact_sheet import contact_sheet, plain_table


def test_folders_globs_and_files_are_found_once_and_sorted(tmp_path, monkeypatch):
    for name in ("b/2.dcm", "b/1", ".hidden/3", "b/.4", "a.dcm", "out/5"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    found = find_sources([".", "b/*", "a.dcm"], leave_out=tmp_path / "out")
    assert [s.name for s in found] == [str(tmp_path / n) for n in ("a.dcm", "b/1", "b/2.dcm")]
    assert {s.size_bytes for s in found} == {1}
    for place in ("nowhere", "*.none", ".hidden/x"):
        with pytest.raises(InputError, match="expected DICOM files at"):
            find_sources([place])


def test_links_to_folders_are_followed_once_and_pipes_are_refused_by_name(tmp_path):
    top = tmp_path / "in"
    for name in ("in/a/1.dcm", "elsewhere/2.dcm", "cache/index.tsv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"x")
    (top / "link").symlink_to(tmp_path / "elsewhere")
    (top / "again").symlink_to(top / "a")
    (top / "loop").symlink_to(top)
    (top / "cache").symlink_to(tmp_path / "cache")
    (top / "broken.dcm").symlink_to(tmp_path / "nowhere")
    os.mkfifo(top / "pipe.dcm")
    os.mkfifo(top / "pipe.zip")
    expected = ["a/1.dcm", "broken.dcm", "link/2.dcm", "pipe.dcm", "pipe.zip"]
    found = find_sources([str(top)], leave_out=tmp_path / "cache")
    assert [s.name.removeprefix(f"{top}/") for s in found] == expected
    # of a glob that names the folders, the link to the top stands for its files
    found = find_sources([f"{top}/*"], leave_out=tmp_path / "cache")
    names = {s.name.removeprefix(f"{top}/") for s in found}
    assert {n for n in names if not n.startswith("loop/")} == set(expected)
    assert {n for n in names if n.startswith("loop/")} == {
        "loop/broken.dcm", "loop/pipe.dcm", "loop/pipe.zip",
    }  # fmt: skip
    reasons = {}
    for source in find_sources([str(top)], leave_out=tmp_path / "cache"):
        with contextlib.suppress(RefusedError):
            assert read_bytes(source) == b"x"
            continue
        with pytest.raises(RefusedError) as refused:
            read_bytes(source)
        reasons[source.path.name] = refused.value.refusal.reason
    assert reasons == {
        "broken.dcm": "cannot_open", "pipe.dcm": "not_a_file", "pipe.zip": "not_a_file",
    }  # fmt: skip
    # a folder that another process took away, or closed
    assert "cannot be listed" in _refusal(Source(top)).sentence


def _refusal(source):
    with pytest.raises(RefusedError) as refused:
        read_bytes(source)
    return refused.value.refusal


def test_members_of_one_name_are_told_apart_and_an_empty_archive_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile says that the name is there already
        for text in ("one", "two", "three"):
            archive.writestr("x.dcm", text)
        archive.writestr("folder/", "")
    with zipfile.ZipFile(tmp_path / "b.zip", "w"):
        pass
    *members, empty = find_sources([str(tmp_path)])
    assert [s.member for s in members] == ["x.dcm", "x.dcm#2", "x.dcm#3"]
    assert [read_bytes(s) for s in members] == [b"one", b"two", b"three"]
    assert _refusal(empty).reason == "bad_archive"
    assert "no files" in _refusal(empty).sentence


def test_an_archive_is_opened_once_for_all_its_members(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(20):
            archive.writestr(f"{i}.dcm", str(i))
    opened = []
    truly = zipfile.ZipFile
    monkeypatch.setattr(
        sources_module.zipfile, "ZipFile", lambda path: opened.append(path) or truly(path)
    )
    found = find_sources([str(tmp_path)])
    assert sorted(int(read_bytes(s)) for s in found) == list(range(20))
    assert len(opened) == 1
    # an archive that was written anew is opened anew
    with truly(tmp_path / "a.zip", "w") as archive:
        archive.writestr("0.dcm", "other")
    assert read_bytes(find_sources([str(tmp_path)])[0]) == b"other"


def test_members_that_unfold_to_more_than_the_limit_are_refused_unless_it_is_raised(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.dcm", bytes(2_000_000))
    (source,) = find_sources([str(tmp_path)])
    assert len(read_bytes(source, max_bytes=2_000_000)) == 2_000_000
    with pytest.raises(RefusedError, match=r"unfolds to 2,000,000.*--max-file-gb") as refused:
        read_bytes(source, max_bytes=1_000_000)
    assert refused.value.refusal.reason == "too_large"


@pytest.mark.parametrize(
    ("path", "person", "visit"),
    [
        ("1000012_20158_2_0.zip/x", "", ""),
        ("1000012_20158_2_0/x.dcm", "1000012", "2"),
        ("1000012_20158_3_0/dicom/x.dcm", "1000012", "3"),
        ("plain/x.dcm", "", ""),
        ("2015_06_12/x.dcm", "", ""),
    ],
)
def test_people_of_bulk_folders(tmp_path, path, person, visit):
    write_dicom(tmp_path / path.replace(".zip", "_zip"))
    (source,) = find_sources([str(tmp_path)])
    assert (source.person, source.visit) == (person, visit)


def test_labels_are_checked_with_all_faults(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text("file\tside\tcolour\na\tleft\tred\na\tmiddle\t\n")
    with pytest.raises(InputError, match="column colour; a twice; a: expected one of left, right"):
        read_labels(path)
    path.write_text("name\tside\na\tleft\n")
    with pytest.raises(InputError, match="expected a column file"):
        read_labels(path)
    with pytest.raises(InputError, match="there is no"):
        read_labels(tmp_path / "none")
    path.write_text("file\tside\nx/a.dcm\tleft\n")
    write_dicom(tmp_path / "in" / "y" / "a.dcm")
    with pytest.raises(InputError, match=r"none for 1 \(x/a.dcm\)"):
        find_sources([str(tmp_path / "in")], labels=read_labels(path))


def _index(rows):
    columns = ["array", "person", "visit", "side", "file", "region"]
    index = pd.DataFrame([(*row, row[0]) for row in rows], columns=columns)
    return index.assign(kept_levels=range(200, 200 + len(index)))


def test_counts_and_what_does_not_meet():
    index = _index(
        [
            ("hip", "a", "2", "left", "f1"),
            ("hip", "a", "2", "right", "f2"),
            ("hip", "a", "3", "left", "f3"),
            ("knee", "b", "2", "left", "f4"),
            *(("ap_spine", "c", "2", "", f"g{i}") for i in range(5)),
        ]
    )
    counts = count_pictures(index).set_index("array")
    assert counts.loc["hip"].tolist() == [3, 1, 2, 1, 2, 200, 201]
    assert counts.loc["ap_spine"].tolist() == [5, 1, 0, 0, 1, 204, 206]
    (repeated,) = repeated_pictures(index).itertuples()
    assert (repeated.array, repeated.person, repeated.pictures) == ("ap_spine", "c", 5)
    assert repeated.files == "g0;g1;g2;g3;g4"
    assert people_without_picture(index, ["d", "a", "e"]) == ["d", "e"]
    assert pictures_without_person(index, ["a", "c"])["file"].tolist() == ["f4"]
    refusals = pd.DataFrame({"reason": ["truncated", "colour", "truncated"]})
    assert count_refusals(refusals).to_numpy().tolist() == [["truncated", 2], ["colour", 1]]


def test_images_that_lost_their_grey_levels_are_the_coarsest_first():
    index = pd.DataFrame(
        {
            "file": list("abcde"),
            "kept_levels": [17, 63, 64, 3, 9],
            "grey_levels": [99, 64, 99, 4, 9],
        }
    )
    assert coarse_pictures(index)["file"].tolist() == ["d", "a", "b"]


def test_an_instance_uid_belongs_to_one_image():
    index = pd.DataFrame(
        {
            "sop_instance_uid": ["1", "2", "1", "", "2", "", "3"],
            "person": ["a", "b", "a", "d", "c", "e", "f"],
            "file": list("uvwxyzt"),
        }
    )
    assert shared_instances(index).to_numpy().tolist() == [["1", "a", "u;w"], ["2", "b;c", "v;y"]]
    assert shared_instances(index[index["sop_instance_uid"] == ""]).empty


def test_nothing_can_be_counted():
    index = _index([])
    assert count_pictures(index).empty
    assert repeated_pictures(index).empty
    assert coarse_pictures(index.assign(grey_levels=0)).empty
    assert count_refusals(pd.DataFrame({"reason": []})).empty


def test_every_measurement_has_its_pictures():
    regions = read_region_map()
    from importlib.resources import files

    with (files("gwasbone") / "resources" / "bmd_measurements.tsv").open() as handle:
        measured = pd.read_csv(handle, sep="\t", comment="#")
    assert set(regions.table["name"]) == set(measured["name"])
    for row in measured.itertuples():
        places = regions.images_of(row.name)
        if "femur" in row.name:
            assert places == [Place("hip", row.side)]
        elif "l1_l4" in row.name:
            assert places == [Place("ap_spine"), Place("lateral_spine")]
        elif row.region == "leg":
            assert {p.region for p in places} == {"knee", "whole_body"}
            assert all(row.side in (p.side, "none") for p in places if p.region == "knee")
        else:
            assert places == [Place("whole_body")]
    left = regions.measurements_of("knee", "left")
    assert {"bmd_leg_left", "bmd_legs"} == set(left)
    with pytest.raises(InputError, match="bmd_femur_neck_left"):
        regions.images_of("bmd_femur_neck_lft")


def test_another_region_map_replaces_it_and_faults_are_named(tmp_path):
    path = tmp_path / "map.tsv"
    path.write_text("# ours\nname\tregion\tside\nx\tforearm\tnone\n")
    assert read_region_map(path).images_of("x") == [Place("forearm")]
    path.write_text("name\tregion\tside\nx\telbow\tnone\nx\telbow\tnone\n")
    with pytest.raises(InputError, match=r"x: expected one of .* got elbow; .*x twice"):
        read_region_map(path)
    path.write_text("name\tregion\nx\thip\n")
    with pytest.raises(InputError, match="expected columns"):
        read_region_map(path)


def test_a_contact_sheet_holds_its_pictures_and_captions():
    sheet = contact_sheet(np.zeros((3, 60, 30), np.uint8), ["a", "b <c>", "d"], height_px=40)
    assert sheet.text.count("data:image/png;base64,") == 3
    assert "b &lt;c&gt;" in sheet.text
    assert 'width="20" height="40"' in sheet.text
    assert "none" in plain_table(pd.DataFrame({"a": []})).text


def test_a_trait_finds_the_measurement_in_its_name():
    region_map = read_region_map()
    assert region_map.measurement_in("bmd_femur_neck_left") == "bmd_femur_neck_left"
    assert region_map.measurement_in("resid_bmd_leg_left.nonlinear") == "bmd_leg_left"
    assert region_map.measurement_in("resid-bmd_legs") == "bmd_legs"
    for other in ("bmd_hip", "bmd_femur_neck", "xbmd_total", "bmd_totals", "case"):
        assert region_map.measurement_in(other) is None
        assert region_map.regions_of(other) == ()
    assert region_map.regions_of("resid_bmd_spine_l1_l4") == ("ap_spine", "lateral_spine")
    assert region_map.regions_of("bmd_femur_total_right") == ("right_hip",)
    # every name holds itself and no other
    for name in region_map.table["name"].unique():
        assert region_map.measurement_in(f"resid_{name}_2") == name
    names = {r for n in region_map.table["name"].unique() for r in region_map.regions_of(n)}
    assert names == {
        "ap_spine", "lateral_spine", "left_hip", "right_hip", "left_knee", "right_knee",
        "whole_body",
    }  # fmt: skip
