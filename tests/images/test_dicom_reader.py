"""One file to one grey picture, or a refusal by the right name."""

from __future__ import annotations

import zlib

import numpy as np
import pydicom
import pytest
from made_dicom import dicom, save, write_dicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from gwasbone.images import pixels as pixel_reader
from gwasbone.images import streams
from gwasbone.images.dicom import picture_of, read_picture
from gwasbone.images.grey import to_uint8
from gwasbone.images.refusal import RefusedError
from gwasbone.images.streams import StreamHeader, stream_header


def _reason(path, **options) -> str:
    with pytest.raises(RefusedError) as refused:
        read_picture(path, **options)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    return refused.value.refusal.reason


def _table(first: int, outputs: list[int], bits: int = 16) -> list[Dataset]:
    table = Dataset()
    table.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(outputs), first, bits])
    table.add_new("LUTData", "US", outputs)
    return [table]


def test_an_8_bit_picture_is_read_as_it_is(tmp_path):
    pixels = np.arange(240, dtype=np.uint8).reshape(20, 12)
    path = write_dicom(tmp_path / "a", pixels)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert (picture.pixels.dtype, picture.white, picture.low, picture.high) == ("u1", 255, 0, 255)
    assert (picture.person, picture.study_date, picture.instance_number) == ("p1", "20200102", 3)
    assert (picture.place.region, picture.place.side) == ("hip", "left")
    assert len(picture.sha256) == 64
    assert picture.sop_instance_uid == pydicom.dcmread(path).SOPInstanceUID


def test_monochrome1_is_inverted_within_the_stored_bits(tmp_path):
    pixels = np.array([[0, 1], [1022, 1023]], np.uint16)
    path = write_dicom(
        tmp_path / "a", pixels, PhotometricInterpretation="MONOCHROME1", BitsStored=10
    )
    picture = read_picture(path)
    assert picture.pixels.tolist() == [[1023, 1022], [1, 0]]
    assert (picture.white, picture.low, picture.high) == (1023, 1023, 0)


@pytest.mark.parametrize(
    ("kind", "slope", "intercept"), [("i2", 1, -1024), ("u2", 0.684, 200), ("i2", -2.5, 7)]
)
def test_modality_values_are_kept_exactly_by_their_ends(tmp_path, kind, slope, intercept):
    stored = np.array([[-2000, 0], [1, 1896]] if kind == "i2" else [[0, 1], [2802, 4095]], kind)
    path = write_dicom(
        tmp_path / "a", stored, BitsStored=12, RescaleSlope=slope, RescaleIntercept=intercept
    )
    picture = read_picture(path)
    assert picture.pixels.dtype.kind == "u"
    back = picture.low + picture.pixels * (picture.high - picture.low) / picture.white
    np.testing.assert_allclose(back, stored * slope + intercept, rtol=0, atol=1e-9)


def test_a_modality_table_goes_before_slope_and_white_is_its_largest_output(tmp_path):
    made = dicom(np.array([[-2, -1], [0, 5]], "i2"), RescaleSlope=100, RescaleIntercept=0)
    made.ModalityLUTSequence = _table(-2, [10, 700, 30])
    made.ModalityLUTSequence[0].ModalityLUTType = "US"
    picture = read_picture(save(made, tmp_path / "a"))
    # beyond its end the table's last output goes on
    assert picture.pixels.tolist() == [[10, 700], [30, 30]]
    assert picture.white == 700


def test_values_of_interest_only_where_asked(tmp_path):
    made = dicom(np.array([[0, 1], [2, 255]], np.uint8))
    made.VOILUTSequence = _table(0, [0, 1000, 50000])
    path = save(made, tmp_path / "table")
    assert read_picture(path).pixels.tolist() == [[0, 1], [2, 255]]
    assert read_picture(path, voi=True).pixels.tolist() == [[0, 1000], [50000, 50000]]
    # DICOM PS3.3 C.11.2.1.2.1: linear, (x - (c - 0.5)) / (w - 1) + 0.5
    made = dicom(np.array([[0, 100], [101, 200]], np.uint8), WindowCenter=100.5, WindowWidth=101)
    pixels = read_picture(save(made, tmp_path / "window"), voi=True).pixels
    np.testing.assert_allclose(pixels / 65535, [[0, 0.5], [0.51, 1]], atol=1e-5)


def test_bits_above_the_stored_ones_do_not_count(tmp_path):
    stored = np.array([[0x7005, 0x0FFF], [0x8000, 1]], np.uint16)
    path = write_dicom(tmp_path / "a", stored, BitsStored=12, HighBit=11)
    assert read_picture(path).pixels.tolist() == [[5, 0xFFF], [0, 1]]
    # of signed ones, 0x..FFF is -1
    signed = np.array([[0x0FFF, 0x7800]], np.uint16).view(np.int16)
    path = write_dicom(tmp_path / "b", signed, BitsStored=12, HighBit=11)
    picture = read_picture(path)
    assert (picture.pixels + picture.low).tolist() == [[-1, -2048]]


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_files_give_the_same_pixels(tmp_path, syntax):
    pixels = (np.arange(64 * 48) % 251).astype(np.uint8).reshape(64, 48)
    made = dicom(pixels)
    made.compress(syntax)
    np.testing.assert_array_equal(read_picture(save(made, tmp_path / "a")).pixels, pixels)


def test_no_preamble_and_deflated_are_read(tmp_path):
    made = dicom()
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated = save(made, tmp_path / "deflated")
    np.testing.assert_array_equal(read_picture(deflated).pixels, dicom().pixel_array)
    bare = dicom()
    del bare.file_meta
    pydicom.dcmwrite(tmp_path / "bare", bare, implicit_vr=True, little_endian=True)
    assert (tmp_path / "bare").read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_picture(tmp_path / "bare").pixels, dicom().pixel_array)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"NumberOfFrames": "2"}, "several_frames"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "colour"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        ({"PhotometricInterpretation": None}, "invalid_header"),
        ({"PixelData": None}, "no_picture"),
        ({"Rows": 21}, "truncated"),
        ({"Rows": 10}, "invalid_header"),
        ({"Rows": 0}, "invalid_header"),
        ({"Rows": None}, "invalid_header"),
        ({"Rows": 65000, "Columns": 65000}, "too_large"),
        ({"BitsAllocated": 1, "BitsStored": 1}, "one_bit"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "invalid_header"),
        ({"BitsStored": 9}, "invalid_header"),
        ({"PixelRepresentation": 7}, "invalid_header"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "invalid_header"),
    ],
    ids=str,
)
def test_what_is_not_one_grey_picture_is_refused(tmp_path, tags, reason):
    assert _reason(write_dicom(tmp_path / "a", **tags)) == reason


def test_float_pixels_and_directories_are_refused(tmp_path):
    made = dicom(PixelData=None)
    made.FloatPixelData = bytes(960)
    assert _reason(save(made, tmp_path / "float")) == "float_pixels"
    made = dicom(PixelData=None)
    made.DirectoryRecordSequence = []
    assert _reason(save(made, tmp_path / "directory")) == "directory"


def test_what_is_no_dicom_file_is_refused(tmp_path):
    for name, data, reason in (
        ("empty", b"", "empty_file"),
        ("text", b"file\tperson\n", "not_dicom"),
        ("zeros", bytes(5000), "not_dicom"),
        ("mark alone", bytes(128) + b"DICM", "no_picture"),
        ("jpg", b"\xff\xd8\xff\xe0" + bytes(200), "not_dicom"),
        # a first element like that of ACR-NEMA, and then nothing of DICOM
        ("old", b"\x08\x00\x10\x00\x04\x00\x00\x00ACR ", "not_dicom"),
    ):
        (tmp_path / name).write_bytes(data)
        assert _reason(tmp_path / name) == reason, name
    assert _reason(tmp_path / "not there") == "cannot_open"
    assert _reason(tmp_path) == "cannot_open"


def test_a_frame_count_that_is_no_number_is_refused(tmp_path):
    path = write_dicom(tmp_path / "a", NumberOfFrames="1")
    data = path.read_bytes()
    assert data.count(b"IS\x02\x001 ") == 1
    path.write_bytes(data.replace(b"IS\x02\x001 ", b"IS\x02\x001A"))
    assert _reason(path) == "invalid_header"


def test_transfer_syntaxes_without_a_decoder_are_refused(tmp_path):
    made = dicom()
    made.compress(RLELossless)
    for uid in ("1.2.840.10008.1.2.4.102", "1.2.3.4"):
        made.file_meta.TransferSyntaxUID = UID(uid)
        # as a writer would that knows more syntaxes than pydicom
        pydicom.dcmwrite(tmp_path / uid, made, implicit_vr=False, little_endian=True)
        assert _reason(tmp_path / uid) in ("unknown_transfer_syntax", "cannot_decode")


def test_malformed_streams_are_refused(tmp_path):
    made = dicom(np.zeros((64, 48), np.uint8))
    made.compress(JPEG2000Lossless)
    stream = bytearray(made.PixelData)
    stream[-40:-12] = b"\xff" * 28
    made.PixelData = bytes(stream[: len(stream) // 2])
    made["PixelData"].is_undefined_length = False
    made.PixelData += b"\0" * (len(made.PixelData) % 2)
    made["PixelData"].is_undefined_length = True
    data = _raw(made, tmp_path)
    with pytest.raises(RefusedError) as refused:
        picture_of(data)
    assert refused.value.refusal.reason in ("cannot_decode", "truncated")


def _raw(made: Dataset, folder) -> bytes:
    path = folder / "raw"
    pydicom.dcmwrite(path, made, enforce_file_format=True)
    return path.read_bytes()


def test_a_stream_of_another_size_than_the_header_never_reaches_a_decoder(tmp_path, monkeypatch):
    made = dicom(np.zeros((64, 48), np.uint8))
    made.compress(JPEG2000Lossless)
    made.Rows, made.Columns = 20, 12
    path = save(made, tmp_path / "a")
    monkeypatch.setattr(pixel_reader, "_decoded_by_gdcm", lambda *anything: 1 / 0)
    with pytest.raises(RefusedError, match="declares 64 × 48"):
        read_picture(path)


def test_sizes_that_streams_declare():
    soi = b"\xff\xd8"
    app = b"\xff\xe0\x00\x04ab"
    frame = b"\xff\xc3\x00\x0b\x0c\x00\x07\x00\x09\x01" + bytes(10)
    assert stream_header(soi + app + b"\xff" + frame) == StreamHeader("JPEG lossless", 7, 9, 12, 1)
    assert stream_header(soi + b"\xff\xf7" + frame[2:]) == StreamHeader("JPEG-LS", 7, 9, 12, 1)
    assert stream_header(soi + b"\xff\xc1" + frame[2:]) == StreamHeader("JPEG", 7, 9, 12, 1)
    assert stream_header(soi + b"\xff\xc4" + frame[2:]) is None
    corners = b"".join(n.to_bytes(4, "big") for n in (109, 57, 100, 50))
    # after the tiles: one component, signed, of 10 bits
    rest = bytes(16) + b"\x00\x01\x89\x01\x01"
    codestream = b"\xff\x4f\xff\x51\x00\x29\x00\x00" + corners + rest
    assert stream_header(codestream) == StreamHeader("JPEG 2000", 7, 9, 10, 1)
    assert stream_header(b"\0\0\0\x0cjP  " + bytes(40) + codestream).precision == 10
    assert stream_header(codestream[:40]) is None
    assert stream_header(b"nothing known") is None


def test_deflated_bombs_and_huge_files_are_refused_unless_the_limit_is_raised(tmp_path):
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = pack.compress(bytes(30_000_000)) + pack.flush()
    streams.check_deflated(bomb)
    with pytest.raises(RefusedError, match=r"unfolds to more.*--max-file-gb"):
        streams.check_deflated(bomb, 10_000_000)
    made = dicom(np.zeros((4000, 4000), np.uint8))
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated = save(made, tmp_path / "deflated")
    assert read_picture(deflated, max_bytes=20_000_000).pixels.shape == (4000, 4000)
    assert _reason(deflated, max_bytes=10_000_000) == "too_large"
    assert _reason(write_dicom(tmp_path / "a"), max_bytes=100) == "too_large"


def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path):
    """Bytes changed anywhere: one file among thousands must not stop the others."""
    rng = np.random.default_rng(5)
    files = [_raw(dicom(), tmp_path)]
    for syntax in (RLELossless, JPEG2000Lossless):
        made = dicom(np.arange(3072, dtype=np.uint16).reshape(64, 48))
        made.compress(syntax)
        files.append(_raw(made, tmp_path))
    outcomes, sentences = {"read": 0}, []
    for i in range(600):
        data = bytearray(files[i % 3])
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(128, len(data))] = rng.integers(256)
        if rng.random() < 0.2:
            data = data[: rng.integers(len(data))]
        try:
            picture = picture_of(bytes(data))
        except RefusedError as error:
            reason = error.refusal.reason
            sentences.append(error.refusal.sentence)
            outcomes[reason] = outcomes.get(reason, 0) + 1
        else:
            assert picture.pixels.ndim == 2
            outcomes["read"] += 1
    print(outcomes)
    assert outcomes["read"] > 100
    assert all(sentence.isprintable() and len(sentence) < 500 for sentence in sentences)
    assert len(outcomes) > 4


def test_headers_that_say_nothing_of_the_person_are_read(tmp_path):
    made = dicom(PatientID=None, StudyDate=None, InstanceNumber=None, ProtocolName=None)
    picture = read_picture(save(made, tmp_path / "a"))
    assert (picture.person, picture.study_date, picture.instance_number) == (None, "", None)
    assert picture.place.region is None


def test_levels_to_8_bits_are_rounded_and_keep_their_order():
    levels = np.arange(65536, dtype=np.uint16)
    eight = to_uint8(levels, 65535)
    np.testing.assert_array_equal(eight, np.rint(levels / 257))
    assert to_uint8(np.array([0, 1023], np.uint16), 1023).tolist() == [0, 255]
