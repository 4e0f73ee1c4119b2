"""Situations from public bug reports of DICOM software, made anew; right values by DCMTK."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from gwasbone.images.dicom import read_picture
from gwasbone.images.refusal import RefusedError
from gwasbone.images.sources import find_sources, read_bytes

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def cases(shared_data) -> Path:
    folder = shared_data / "cases" / "images-and-records"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return folder


@pytest.fixture(scope="module")
def truth(cases) -> dict[int, np.ndarray]:
    """The image of the cases in 8, 12 and 16 bits."""
    with np.load(cases / "06-jpeg-lossless-modulo" / "truth.npz") as arrays:
        # the 16-bit one is known from its losslessly compressed file under a right header
        wide = read_picture(cases / "02-bits" / "f3b_j2k16_header16.dcm").pixels
        return {8: arrays["a8"], 12: arrays["a12"], 16: wide}


#: What a refusal must say -> files.
_REFUSED = {
    ("invalid_header", r"Bits Stored \(0028,0101\)"): ["02-bits/h_native16_header12"],
    ("truncated", "none|empty"): [
        "04-zero-length-frames/a_zero_length", "04-zero-length-frames/a2_zero_fragment_j2k",
        "04-zero-length-frames/a3_only_offset_table",
    ],
    ("invalid_header", r"Number of Frames \(0028,0008\) is '-1'"): [
        "04-zero-length-frames/b3_frames_minus1"
    ],
    ("invalid_header", "24,000 bytes.*2 times"): [
        "04-zero-length-frames/c_two_frames_of_data_no_number"
    ],
    ("truncated", "24,000 bytes.*got 23,000"): ["04-zero-length-frames/d_short"],
    ("invalid_header", r"Bits Stored \(0028,0101\) is absent"): [
        "04-zero-length-frames/f4_bitsstored_missing"
    ],
    ("invalid_header", r"Photometric Interpretation \(0028,0004\) is absent"): [
        "04-zero-length-frames/f6_photo_missing"
    ],
    ("wrong_syntax", r"compressed \(JPEG 2000\)"): [
        "05-wrong-syntax/b_j2k_called_explicit_le",
        "05-wrong-syntax/b2_noise_j2k_called_explicit_le",
        "05-wrong-syntax/b3_noise8_j2k_called_explicit_le",
    ],
    ("wrong_syntax", "the pixel data are JPEG 2000"): [
        "05-wrong-syntax/c_j2k_called_jpegls", "05-wrong-syntax/c2_j2k_called_rle",
        "05-wrong-syntax/c3_j2k_called_jpeglossless",
    ],
    ("wrong_syntax", "of another kind"): ["05-wrong-syntax/a_native_in_items_as_j2k"],
    ("unknown_transfer_syntax", "1.2.840.11361.9.9.9"): ["05-wrong-syntax/f_unknown_private"],
}  # fmt: skip

#: Bits of the image -> files that hold it.
_READ = {
    12: [
        "02-bits/a_plain", "02-bits/b_overlay_bit12_native", "02-bits/c_highbit15_shifted",
        "02-bits/c2_highbit13_shifted", "02-bits/d_signed12",
        "02-bits/d2_signed12_no_sign_extension", "02-bits/e_rle_plain", "02-bits/e2_rle_overlay",
        "02-bits/f_j2k12_header12", "02-bits/f2_j2k12_header16", "02-bits/i_12bit_values_header16",
        "02-bits/k3_jll12_header16", "02-bits/k4_jll12_header8",
        "03-voi/b_empty_voilut_no_window", "03-voi/c2_empty_both", "03-voi/i2_modlut_empty",
        "04-zero-length-frames/b_frames_empty", "04-zero-length-frames/b2_frames_1",
        "04-zero-length-frames/d1_two_extra_bytes", "04-zero-length-frames/f_samples_empty",
        "04-zero-length-frames/f1_samples_missing", "04-zero-length-frames/f2_pixrep_missing",
        "04-zero-length-frames/f3_pixrep_empty", "04-zero-length-frames/f5_highbit_missing",
        "04-zero-length-frames/f7_photo_trailing", "04-zero-length-frames/f8_photo_lower",
        "05-wrong-syntax/e_bigendian", "06-jpeg-lossless-modulo/a12_plain",
        "06-jpeg-lossless-modulo/a12_issue90",
    ],
    8: [
        "02-bits/g_j2k8_header8", "02-bits/g2_j2k8_header12of16", "02-bits/g3_j2k8_header8of16",
        "02-bits/j_8of16", "04-zero-length-frames/e_8bit_OW_le", "05-wrong-syntax/e3_bigendian8_OW",
        "06-jpeg-lossless-modulo/a8_plain", "06-jpeg-lossless-modulo/a8_modP",
        "06-jpeg-lossless-modulo/a8_issue90",
    ],
    16: [
        "02-bits/f3_j2k16_header12", "02-bits/k_jll16_header12", "02-bits/k2_jll16_header16",
    ],
}  # fmt: skip


def test_bits_syntaxes_and_lengths_are_read_rightly_or_refused_by_name(cases, truth):
    for bits, files in _READ.items():
        for file in files:
            picture = read_picture(cases / f"{file}.dcm", voi=True)
            np.testing.assert_array_equal(picture.pixels, truth[bits], err_msg=file)
            assert picture.white == (65535 if "i_12bit" in file else 2**bits - 1), file
    for (reason, said), files in _REFUSED.items():
        for file in files:
            with pytest.raises(RefusedError) as refused:
                read_picture(cases / f"{file}.dcm")
            assert refused.value.refusal.reason == reason, file
            assert re.search(said, refused.value.refusal.sentence), file
    # 16 bits of the same image, to its 12 bits' precision
    assert np.corrcoef(truth[16].ravel(), truth[12].ravel())[0, 1] > 0.999999


def test_padding_is_black_and_the_image_is_as_stored(cases):
    folder = cases / "10-padding"
    for path in sorted(folder.glob("*.dcm")):
        header = pydicom.dcmread(path)
        stored = header.pixel_array.astype(int)
        padded = stored == header.PixelPaddingValue
        picture = read_picture(path)
        assert padded.any()
        assert (picture.pixels[padded] == 0).all(), path.name
        step = (picture.high - picture.low) / picture.white
        values = picture.low + step * picture.pixels
        np.testing.assert_array_equal(values[~padded], stored[~padded], err_msg=path.name)


@pytest.mark.peer
def test_every_jpeg_stream_is_decoded_as_dcmtk_does(cases, shared_data, tmp_path):
    """Lossless ones exactly; DCT and near-lossless ones too, since both use the same codecs."""
    if shutil.which("dcmdjpeg") is None:
        pytest.skip("dcmdjpeg is not installed (apt-get install dcmtk)")
    compared = 0
    places = [cases / "06-jpeg-lossless-modulo", cases / "02-bits", shared_data / "images"]
    for path in sorted(p for place in places for p in place.rglob("*") if p.is_file()):
        try:
            picture = read_picture(path)
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception:  # what is refused is tested elsewhere
            continue
        syntax = str(header.file_meta.TransferSyntaxUID)
        # DCMTK shifts streams of more bits than the header says; that they are right is above
        if not syntax.startswith("1.2.840.10008.1.2.4.") or "k_jll16" in path.name:
            continue
        program = "dcmdjpls" if syntax.endswith((".80", ".81")) else "dcmdjpeg"
        if syntax.endswith((".90", ".91")) or "k4_jll12" in path.name:
            continue  # JPEG 2000 is not in DCMTK
        out = tmp_path / f"{compared}.dcm"
        subprocess.run([program, str(path), str(out)], check=True, capture_output=True)
        theirs = pydicom.dcmread(out).pixel_array.astype(int)
        if header.PhotometricInterpretation == "MONOCHROME1":
            theirs = picture.white - theirs
        if "ModalityLUTSequence" not in header:
            ours = picture.pixels.astype(int)
            offset = -(2 ** (header.BitsStored - 1)) if header.PixelRepresentation else 0
            np.testing.assert_array_equal(ours + offset, theirs, err_msg=path.name)
            compared += 1
    print(f"{compared} files equal DCMTK's")
    assert compared >= 14


def test_lateral_spines_and_distal_femurs_are_filed_as_such(cases):
    regions = [read_picture(cases / "09-regions" / "in" / f"{i}.dcm").place for i in range(5)]
    assert [place.region for place in regions] == [
        "lateral_spine", "lateral_spine", "lateral_spine", "knee", "lateral_spine",
    ]  # fmt: skip


def test_members_of_one_name_and_odd_archives_are_read_or_refused_by_name(cases):
    read, refused = [], {}
    for source in find_sources([str(cases / "07-zip" / "in")]):
        name = source.name.rsplit("/", 1)[-1] if not source.member else (
            f"{source.person}!{source.member}"
        )  # fmt: skip
        try:
            data = read_bytes(source)
            read += [name] if data[128:132] == b"DICM" else []
        except RefusedError as error:
            refused[name] = error.refusal
    assert {"1000001!x.dcm", "1000001!x.dcm#2", "1000009!a.dcm", "1000010!a.dcm"} <= set(read)
    assert {name: r.reason for name, r in refused.items()} == {
        "1000004!tab\there.dcm": "odd_name",
        "1000005_20158_2_0.zip": "bad_archive",
        "1000006_20158_2_0.zip": "bad_archive",
        "1000007_20158_2_0.zip": "bad_archive",
    }
    assert "no files" in refused["1000007_20158_2_0.zip"].sentence
