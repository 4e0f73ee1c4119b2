"""Region, side and view."""

import numpy as np
import pytest
from made_dicom import bodies

from gwasbone.errors import InputError
from gwasbone.images.refusal import RefusedError
from gwasbone.images.regions import Place, body_detail, region_and_side, view_of_body


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("AP Spine", ("ap_spine", None)),
        ("ap_lumbar  spine", ("ap_spine", None)),
        ("LVA", ("lateral_spine", None)),
        ("Lateral Spine", ("lateral_spine", None)),
        ("Lumbar Spine", ("ap_spine", None)),
        ("Lumbar Spine Lateral", ("lateral_spine", None)),
        ("Lumbar Spine LAT", ("lateral_spine", None)),
        ("Spine", (None, None)),
        ("Left Distal Femur Knee", ("knee", "left")),
        ("Left Femur", ("hip", "left")),
        ("RIGHT FEMUR", ("hip", "right")),
        ("Right Ortho Knee", ("knee", "right")),
        ("Total Body", ("whole_body", None)),
        ("Whole Body", ("whole_body", None)),
        ("Left Forearm", ("forearm", "left")),
        ("Dual Femur", ("hip", None)),
        ("Left and Right Femur", ("hip", None)),
        ("Hand", (None, None)),
        ("", (None, None)),
        ("relative total bodyweight", (None, None)),
    ],
)
def test_protocols(protocol, expected):
    assert region_and_side({"ProtocolName": protocol}) == expected
    assert region_and_side({"PerformedProcedureStepDescription": protocol}) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"BodyPartExamined": "KNEE", "Laterality": "L"}, ("knee", "left")),
        ({"BodyPartExamined": "HIP", "ImageLaterality": "R"}, ("hip", "right")),
        ({"BodyPartExamined": "WHOLE BODY"}, ("whole_body", None)),
        ({"BodyPartExamined": "LSPINE", "ViewPosition": "AP"}, ("ap_spine", None)),
        ({"BodyPartExamined": "LSPINE", "ViewPosition": "LL"}, ("lateral_spine", None)),
        ({"BodyPartExamined": "LSPINE"}, (None, None)),
        ({"BodyPartExamined": "CHEST"}, (None, None)),
        ({"ProtocolName": "LUMBAR SPINE", "ViewPosition": "LL"}, ("lateral_spine", None)),
        ({"ProtocolName": "LUMBAR SPINE", "BodyPartExamined": "LSPINE"}, ("ap_spine", None)),
        ({"ProtocolName": "LVA", "BodyPartExamined": "TLSPINE"}, ("lateral_spine", None)),
        ({"BodyPartExamined": "FEMUR", "ImageLaterality": "L"}, ("hip", "left")),
        # a knee shows the femur's lower end
        ({"ProtocolName": "Left Ortho Knee", "BodyPartExamined": "FEMUR"}, ("knee", "left")),
        # view positions of limbs are theirs
        ({"ProtocolName": "Left Femur", "ViewPosition": "LL"}, ("hip", "left")),
        # contradicting tags leave the side open
        ({"ProtocolName": "Left Femur", "Laterality": "R"}, ("hip", None)),
        ({"ProtocolName": "Femur", "Laterality": "R"}, ("hip", "right")),
    ],
)
def test_body_part_and_laterality(tags, expected):
    assert region_and_side(tags) == expected


@pytest.mark.parametrize(
    "tags",
    [
        {"ProtocolName": "Left Femur", "BodyPartExamined": "KNEE"},
        {"ProtocolName": "AP Spine", "PerformedProcedureStepDescription": "Left Femur"},
        {"ProtocolName": "AP Spine", "ViewPosition": "LL"},
        {"ProtocolName": "LVA", "BodyPartExamined": "LSPINE", "ViewPosition": "AP"},
        {"ProtocolName": "AP Lateral Spine"},
        {"ProtocolName": "Total Body Hip"},
    ],
    ids=str,
)
def test_words_that_contradict_each_other_are_refused_with_both(tags):
    with pytest.raises(RefusedError) as refused:
        region_and_side(tags)
    assert refused.value.refusal.reason == "contradictory_region"
    for text in tags.values():
        assert repr(text) in str(refused.value)


def test_bone_and_flesh_of_a_whole_body_are_told_by_detail():
    bone, flesh = bodies()
    assert view_of_body(bone, 255) == "mixed"
    assert view_of_body(flesh, 255) == "flesh"
    # of the same picture in 16 bits the same is said
    assert view_of_body(bone.astype(np.uint16) * 257, 65535) == "mixed"
    assert body_detail(flesh.astype(np.uint16) * 257, 65535) == pytest.approx(
        body_detail(flesh, 255)
    )


def test_a_picture_without_a_body_has_no_view():
    assert view_of_body(np.zeros((40, 40), np.uint8), 255) is None
    assert view_of_body(np.zeros((3, 3), np.uint8), 255) is None


def test_places_that_are_none_are_refused():
    with pytest.raises(InputError, match="got elbow"):
        Place("elbow")
    with pytest.raises(InputError, match="left, right"):
        Place("hip", "L")
