"""Bits, syntax and padding: what header and pixel data say must agree."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pydicom
import pytest
from made_dicom import dicom, save
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from gwasbone.images.dicom import picture_of, read_picture
from gwasbone.images.refusal import RefusedError


def _smooth(bits: int, shape=(48, 40)) -> np.ndarray:
    """A smooth image whose levels use all of the bits."""
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    return np.rint((np.sin(3 * x) + y) / 2 * (2**bits - 1)).astype(np.uint16)


def _refused(path):
    with pytest.raises(RefusedError) as refused:
        read_picture(path)
    assert "\n" not in str(refused.value)
    return refused.value.refusal


@pytest.mark.parametrize("high_bit", [11, 13, 15])
def test_values_lie_below_the_high_bit(tmp_path, high_bit):
    pixels = _smooth(12)
    made = dicom(pixels << (high_bit - 11), BitsStored=12, HighBit=high_bit)
    picture = read_picture(save(made, tmp_path / "a"))
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.white == 4095


@pytest.mark.parametrize("signed", [False, True])
def test_a_high_bit_that_the_pixel_data_contradict_is_refused_by_name(tmp_path, signed):
    pixels = _smooth(12).astype(np.int32) - (2048 if signed else 0)
    made = dicom(pixels.astype(np.int16 if signed else np.uint16), BitsStored=12, HighBit=15)
    refusal = _refused(save(made, tmp_path / "a"))
    assert refusal.reason == "invalid_header"
    assert "High Bit (0028,0102) 15" in refusal.sentence
    for high_bit in (10, 16):
        made = dicom(_smooth(12), BitsStored=12, HighBit=high_bit)
        assert f"got {high_bit}" in _refused(save(made, tmp_path / "b")).sentence


def test_an_image_of_more_bits_than_declared_is_refused_and_an_overlay_is_ignored(tmp_path):
    refusal = _refused(save(dicom(_smooth(16), BitsStored=12), tmp_path / "a"))
    assert refusal.reason == "invalid_header"
    assert "Bits Stored (0028,0101)" in refusal.sentence
    overlaid = _smooth(12)
    overlaid[10:20, 5:30] |= 0x1000
    overlaid[30:, 30:] |= 0x8000
    picture = read_picture(save(dicom(overlaid, BitsStored=12), tmp_path / "b"))
    np.testing.assert_array_equal(picture.pixels, _smooth(12))


def test_a_stream_of_other_precision_than_the_header_counts_as_it_is(tmp_path):
    for stored in (10, 12, 16):
        made = dicom(_smooth(12), BitsStored=12)
        made.compress(JPEG2000Lossless)
        made.BitsStored, made.HighBit = stored, stored - 1
        picture = read_picture(save(made, tmp_path / "a"))
        np.testing.assert_array_equal(picture.pixels, _smooth(12))
        assert picture.white == 4095


def test_signed_streams_keep_their_sign(tmp_path):
    values = (_smooth(12).astype(np.int32) - 2048).astype(np.int16)
    made = dicom(values, BitsStored=12)
    made.compress(JPEG2000Lossless)
    picture = read_picture(save(made, tmp_path / "a"))
    np.testing.assert_array_equal(picture.pixels + picture.low, values)


def test_compressed_pixels_under_a_native_syntax_are_refused_by_name(tmp_path):
    noise = np.random.default_rng(3).integers(0, 256, (80, 64), dtype=np.uint8)
    made = dicom(noise)
    made.compress(JPEG2000Lossless)
    assert len(made.PixelData) > noise.size  # or it would be refused as too short
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    refusal = _refused(_write(made, tmp_path / "a"))
    assert refusal.reason == "wrong_syntax"
    assert "they are compressed (JPEG 2000)" in refusal.sentence
    # the same items with a stated length
    made["PixelData"].is_undefined_length = False
    assert _refused(_write(made, tmp_path / "b")).reason == "wrong_syntax"


def test_a_stream_of_another_kind_than_the_syntax_is_refused_by_name(tmp_path):
    made = dicom(_smooth(12), BitsStored=12)
    made.compress(JPEG2000Lossless)
    for syntax, name in ((JPEGLSLossless, "JPEG-LS"), (RLELossless, "run lengths")):
        made.file_meta.TransferSyntaxUID = syntax
        refusal = _refused(_write(made, tmp_path / "a"))
        assert refusal.reason == "wrong_syntax"
        assert f"expected {name} as" in refusal.sentence
        assert "the pixel data are JPEG 2000" in refusal.sentence
    native = dicom(_smooth(12), BitsStored=12)
    native.PixelData = encapsulate([native.PixelData])
    native["PixelData"].is_undefined_length = True
    native.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert "of another kind" in _refused(_write(native, tmp_path / "b")).sentence


def _write(made, path):
    """As a writer would that does not check what it writes."""
    pydicom.dcmwrite(path, made, implicit_vr=False, little_endian=True)
    return path


def test_a_stream_that_ends_early_is_refused_as_truncated(tmp_path):
    made = dicom(_smooth(12), BitsStored=12)
    made.compress(JPEG2000Lossless)
    stream = next(pydicom.encaps.generate_frames(made.PixelData, number_of_frames=1))
    made.PixelData = encapsulate([stream[: len(stream) // 2]])
    assert _refused(save(made, tmp_path / "a")).reason == "truncated"


def test_big_endian_files_give_the_same_pixels(tmp_path):
    for pixels in (_smooth(12), _smooth(8).astype(np.uint8)):
        made = dicom(pixels)
        made.PixelData = pixels.byteswap().tobytes() if pixels.itemsize == 2 else pixels.tobytes()
        made.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        pydicom.dcmwrite(tmp_path / "a", made, implicit_vr=False, little_endian=False)
        np.testing.assert_array_equal(read_picture(tmp_path / "a").pixels, pixels)


@pytest.mark.parametrize("length", ["none", "short", "row more", "twice"])
def test_pixel_data_of_another_length_are_refused_with_both_lengths(tmp_path, length):
    made = dicom()  # 20 × 12 pixels of 8 bits
    n = {"none": 0, "short": 200, "row more": 252, "twice": 480}[length]
    made.PixelData = bytes(n)
    refusal = _refused(save(made, tmp_path / "a"))
    expected = "truncated" if n < 240 else "invalid_header"
    assert refusal.reason == expected
    assert "empty" in refusal.sentence if n == 0 else "240 bytes" in refusal.sentence
    if length == "twice":
        assert "2 times as many" in refusal.sentence
    # a byte of padding is what the standard asks for
    made.PixelData = bytes(242)
    assert read_picture(save(made, tmp_path / "b")).pixels.shape == (20, 12)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("BitsStored", None, "Bits Stored (0028,0101) is absent"),
        ("Rows", b"", "Rows (0028,0010) is empty"),
        ("NumberOfFrames", b"1A", "Number of Frames (0028,0008) is '1A'"),
        ("PixelRepresentation", b"\1\0\1\0", "Pixel Representation (0028,0103) is"),
        ("NumberOfFrames", b"-1", "Number of Frames (0028,0008) is '-1'"),
        ("PhotometricInterpretation", b"", "Photometric Interpretation (0028,0004) is empty"),
        ("PhotometricInterpretation", b"rgb ", "Photometric Interpretation (0028,0004) is 'rgb'"),
    ],
)
def test_refusals_name_the_element_and_its_value(name, text, said):
    with pytest.raises(RefusedError) as refused:
        picture_of(_with_element(name, text))
    assert said in refused.value.refusal.sentence


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PhotometricInterpretation", b"monochrome2 "),
        ("NumberOfFrames", b""),
        ("SamplesPerPixel", None),
        ("SamplesPerPixel", b""),
        ("PixelRepresentation", b""),
        ("HighBit", None),
    ],
)
def test_an_element_that_only_one_value_fits_may_be_absent_empty_or_in_lower_case(name, text):
    np.testing.assert_array_equal(picture_of(_with_element(name, text)).pixels, dicom().pixel_array)


def _with_element(name: str, text: bytes | None) -> bytes:
    """A file with these bytes as the value of an element, or without it."""
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    made = dicom(NumberOfFrames="1")
    tag = Tag(tag_for_keyword(name))
    del made[tag]
    if text is not None:
        raw = RawDataElement(tag, dictionary_VR(tag), len(text), text, 0, False, True)
        made._dict[tag] = raw
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom sees that the value is none
        pydicom.dcmwrite(written, made, implicit_vr=False, little_endian=True)
    return written.getvalue()


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_that_reaches_the_border_becomes_black(tmp_path, interpretation):
    pixels = _smooth(12)
    pixels[pixels == 4095] = 4094
    pixels[:, :6] = pixels[:4] = 4095
    pixels[20:23, 20:23] = 4095  # bone may be saturated at the same value
    made = dicom(pixels, BitsStored=12, PhotometricInterpretation=interpretation)
    made.add_new(0x00280120, "US", 4095)
    picture = read_picture(save(made, tmp_path / "a"))
    plain = pixels if interpretation == "MONOCHROME2" else 4095 - pixels
    outside = np.zeros(pixels.shape, bool)
    outside[:, :6] = outside[:4] = True
    np.testing.assert_array_equal(picture.pixels, np.where(outside, 0, plain))
    assert picture.n_padded == (outside.sum() if interpretation == "MONOCHROME2" else 0)


def test_padding_may_be_a_range_and_negative(tmp_path):
    values = np.full((20, 12), 100, np.int16)
    values[:5], values[5:8] = -2000, -1990
    made = dicom(values, RescaleSlope=1, RescaleIntercept=0)
    made.add_new(0x00280120, "SS", -2000)
    picture = read_picture(save(made, tmp_path / "a"))
    assert (picture.pixels[:5] == 0).all()
    assert (picture.pixels[5:8] + picture.low == -1990).all()
    made.add_new(0x00280121, "SS", -1990)
    assert (read_picture(save(made, tmp_path / "b")).pixels[:8] == 0).all()


def test_a_values_of_interest_sequence_without_items_is_none(tmp_path):
    made = dicom(_smooth(12), BitsStored=12)
    made.VOILUTSequence = []
    picture = read_picture(save(made, tmp_path / "a"), voi=True)
    np.testing.assert_array_equal(picture.pixels, _smooth(12))
    made.WindowCenter = 2000
    with pytest.raises(RefusedError, match=r"Window Width \(0028,1051\) is absent"):
        read_picture(save(made, tmp_path / "b"), voi=True)


def test_the_own_range_of_an_image_leaves_padding_out(tmp_path):
    pixels = _smooth(10) + 500
    made = dicom(pixels)
    plain = read_picture(save(made, tmp_path / "a"), own_range=True)
    assert (plain.low, plain.high, plain.white) == (500, 1523, 1023)
    np.testing.assert_array_equal(plain.pixels, pixels - 500)
    pixels[:, 0] = 0
    made = dicom(pixels)
    made.add_new(0x00280120, "US", 0)
    padded = read_picture(save(made, tmp_path / "b"), own_range=True)
    assert (padded.low, padded.white) == (pixels[:, 1:].min(), 1523 - pixels[:, 1:].min())
    assert (padded.pixels[:, 0] == 0).all()
