"""Records of PGEN files: what pgenlib reads, for every way that PLINK 2 packs them."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from gwasbone.blocks import packed
from gwasbone.blocks.pgen import (
    Chosen,
    PgenFile,
    PgenVariantError,
    header,
    read_dosages,
    read_index,
    read_packed_calls,
)
from gwasbone.errors import InputError

N = 131
ALTS = ["C", "CA", "CAA", "CAAA", "CAAAA", "CAAAAA", "CAAAAAA"] + [f"G{'T' * i}" for i in range(15)]


def genotypes(rng, m, most_alts):
    """(m, N, 2) alleles, −1 where missing, and alleles of each variant: rare, common, repeated."""
    n_alts = np.where(rng.random(m) < 0.4, 1, rng.integers(1, most_alts + 1, m))
    alleles = np.empty((m, N, 2), int)
    for i in range(m):
        frequency = rng.choice([0.001, 0.03, 0.12, 0.4, 0.98])
        carries = rng.random((N, 2)) < frequency
        if i and rng.random() < 0.4:
            carries = (alleles[i - 1] > 0) ^ (rng.random((N, 2)) < 0.01)
        if rng.random() < 0.2:
            carries = ~carries
        alts = rng.integers(1, n_alts[i] + 1, (N, 2))
        if rng.random() < 0.3:
            alts[rng.random((N, 2)) < 0.97] = 1
        alleles[i] = np.where(carries, alts, 0)
        alleles[i, rng.random(N) < rng.choice([0, 0.01, 0.95])] = -1
    return alleles, n_alts + 1


def write_vcf(path, alleles, n_alleles, *, phased, dosages=None, separators=None):
    rng = np.random.default_rng(9)
    names = "\t".join(f"i{i}" for i in range(alleles.shape[1]))
    with open(path, "w") as f:
        f.write("##fileformat=VCFv4.2\n##contig=<ID=1,length=249250621>\n")
        f.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n')
        f.write('##FORMAT=<ID=DS,Number=A,Type=Float,Description="d">\n')
        f.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n")
        for i, (pairs, k) in enumerate(zip(alleles, n_alleles, strict=True)):
            share = rng.choice([0, 0.5, 1]) if phased else 0
            bars = np.where(rng.random(len(pairs)) < share, "|", "/")
            calls = [
                "./." if a < 0 else f"{a}{bar}{b}" for (a, b), bar in zip(pairs, bars, strict=True)
            ]
            if dosages is not None and k == 2:
                shown = ["." if np.isnan(d) else f"{d:.4f}" for d in dosages[i]]
                calls = [":".join(pair) for pair in zip(calls, shown, strict=True)]
            form = "GT:DS" if dosages is not None and k == 2 else "GT"
            alts = ",".join(ALTS[: k - 1])
            f.write(f"1\t{1000 + i}\tv{i}\tA\t{alts}\t.\t.\t.\t{form}\t" + "\t".join(calls) + "\n")


def made_by_plink(plink2, folder, alleles, n_alleles, *, phased=False, dosages=None):
    write_vcf(folder / "g.vcf", alleles, n_alleles, phased=phased, dosages=dosages)
    command = [plink2, "--vcf", "g.vcf", "--make-pgen", "--out", "g"]
    if dosages is not None:
        command.insert(3, "dosage=DS")
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "g.pgen"


def every_allele(n_alleles):
    """All ALT alleles of all variants."""
    row = np.repeat(np.arange(len(n_alleles)), n_alleles - 1)
    allele = np.concatenate([np.arange(1, k) for k in n_alleles])
    return Chosen(row, allele, n_alleles[row])


def decoded(words, n):
    """(m, n) copies of ALT, −9 where missing."""
    pairs = (words.view(np.uint8)[:, :, None] >> np.array([0, 2, 4, 6])) & 3
    return np.array([2, -9, 1, 0])[pairs.reshape(len(words), -1)[:, :n]]


def nobody(n, m):
    return {"men": np.zeros(n, bool), "on_x": np.zeros(m, bool), "on_y": np.zeros(m, bool)}


def dosages_of(path, chosen, n):
    calls = np.empty((len(chosen.row), n), np.int8)
    block = read_dosages(PgenFile(path), chosen, np.arange(n), **nobody(n, len(calls)), calls=calls)
    return block.alt_dosages(), calls


@pytest.mark.peer
@pytest.mark.parametrize("phased", [False, True])
@pytest.mark.parametrize("most_alts", [1, 2, 3, 5, 22])
def test_calls_are_those_of_the_vcf(plink2, tmp_path, most_alts, phased):
    rng = np.random.default_rng(100 * most_alts + phased)
    alleles, n_alleles = genotypes(rng, 250, most_alts)
    path = made_by_plink(plink2, tmp_path, alleles, n_alleles, phased=phased)
    chosen = every_allele(n_alleles)
    pairs = alleles[chosen.row]
    expected = (pairs == chosen.allele[:, None, None]).sum(axis=2)
    expected[pairs[:, :, 0] < 0] = -9
    words = read_packed_calls(PgenFile(path), chosen)
    np.testing.assert_array_equal(decoded(words, N), expected)
    # every packing occurs
    assert set((read_index(path).kinds & 7).tolist()) >= {0, 1, 2, 4, 6, 7}
    some = rng.permutation(len(words))[:40]
    again = read_packed_calls(
        PgenFile(path), Chosen(chosen.row[some], chosen.allele[some], chosen.n_alleles[some])
    )
    np.testing.assert_array_equal(again, words[some])
    copies, calls = dosages_of(path, chosen, N)
    np.testing.assert_array_equal(np.nan_to_num(copies, nan=-9), expected)
    np.testing.assert_array_equal(np.where(calls < 0, -9, calls), expected)


@pytest.mark.peer
@pytest.mark.parametrize("phased", [False, True])
def test_dosages_are_those_of_pgenlib(plink2, tmp_path, phased):
    pgenlib = pytest.importorskip("pgenlib")
    rng = np.random.default_rng(7)
    alleles, n_alleles = genotypes(rng, 250, 1)
    noise = rng.normal(0, 0.2, (250, N)) * (rng.random((250, N)) < rng.choice([0.02, 1], (250, 1)))
    dosages = np.clip(alleles.sum(axis=2) + noise, 0, 2)
    dosages[alleles[:, :, 0] < 0] = np.nan
    path = made_by_plink(plink2, tmp_path, alleles, n_alleles, phased=phased, dosages=dosages)
    assert {0, 32, 96} <= set((read_index(path).kinds & 96).tolist())
    copies, calls = dosages_of(path, every_allele(n_alleles), N)
    reader = pgenlib.PgenReader(str(path).encode())
    row, call = np.empty(N, np.float32), np.empty(N, np.int8)
    for i in range(250):
        reader.read_dosages(i, row)
        reader.read(i, call)
        np.testing.assert_array_equal(np.nan_to_num(copies[i], nan=-9), row)
        np.testing.assert_array_equal(np.where(calls[i] < 0, -9, calls[i]), call)
    np.testing.assert_allclose(copies, dosages, atol=1e-4)


def plain(path, records, kinds, n):
    """A file of records as they are, with a header of our own."""
    sizes = np.array([len(r) for r in records])
    data = header(n, sizes, np.array(kinds, np.uint8), 2) + b"".join(records)
    path.write_bytes(data)
    return PgenFile(path)


def test_a_record_worked_by_hand(tmp_path):
    # five samples: 0 1 2 missing 0, and the same but for sample 4, who has 2, as a difference
    first = bytes([0b11_10_01_00, 0b00])
    second = bytes([1, 4, 0b10])  # one sample, number 4, call 2
    inverted = bytes([0])
    file = plain(tmp_path / "g.pgen", [first, second, inverted], [0, 2, 3], 5)
    chosen = Chosen(np.arange(3), np.ones(3, int), np.full(3, 2))
    expected = [[0, 1, 2, -9, 0], [0, 1, 2, -9, 2], [2, 1, 0, -9, 2]]
    assert decoded(read_packed_calls(file, chosen), 5).tolist() == expected
    # a variant alone brings the one it differs from
    one = Chosen(np.array([2]), np.ones(1, int), np.array([2]))
    assert decoded(read_packed_calls(file, one), 5).tolist() == expected[2:]


def test_dosages_of_everybody_worked_by_hand(tmp_path):
    values = np.array([0, 16_384, 30_000, 65_535, 8_192], "<u2")
    record = bytes([0b11_10_01_00, 0b00]) + values.tobytes()
    file = plain(tmp_path / "g.pgen", [record], [64], 5)
    copies, _ = dosages_of(file.path, Chosen(np.zeros(1, int), np.ones(1, int), np.array([2])), 5)
    np.testing.assert_allclose(copies, [[0, 1, 30_000 / 16_384, np.nan, 0.5]])


def test_sex_rules_of_dosages(tmp_path):
    values = np.array([16_000, 16_000, 32_768, 0, 100], "<u2")
    record = bytes([0b00_10_01_01, 0b00]) + values.tobytes()
    file = plain(tmp_path / "g.pgen", [record, record, record], [64] * 3, 5)
    men = np.array([True, False, True, False, True])
    block = read_dosages(
        file, Chosen(np.arange(3), np.ones(3, int), np.full(3, 2)), np.arange(5), men=men,
        on_x=np.array([True, False, False]), on_y=np.array([False, True, False]),
    )  # fmt: skip
    missing = np.isnan(block.alt_dosages())
    assert missing.tolist() == [[True] + [False] * 4, (~men).tolist(), [False] * 5]


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (b"\x00", 0),  # too short
        (bytes([1, 9, 0b10]), 4),  # a sample beyond the last
        (bytes([2, 3, 0b10, 0]), 4),  # a sample twice
        (bytes([200]), 4),  # more samples than there are; the number does not end
        (bytes([0b1101, 0, 0]), 1),  # values beyond 3
        (b"\x00", 5),  # a packing that does not exist
        (bytes([0, 0]) + np.full(5, 40_000, "<u2").tobytes(), 64),  # more than two copies
        (bytes([0, 0]) + b"\x00\x00", 64),  # dosages cut short
    ],
)
def test_damaged_records_are_refused(tmp_path, record, kind):
    file = plain(tmp_path / "g.pgen", [record], [kind], 5)
    chosen = Chosen(np.zeros(1, int), np.ones(1, int), np.full(1, 2))
    with pytest.raises(PgenVariantError, match=r"g.pgen: variant 1: expected genotypes"):
        read_dosages(file, chosen, np.arange(5), **nobody(5, 1))
    if kind < 8:
        with pytest.raises(PgenVariantError):
            read_packed_calls(file, chosen)


def test_headers_that_are_refused(tmp_path):
    sound = plain(tmp_path / "g.pgen", [b"\x00\x00"] * 3, [0] * 3, 5).path.read_bytes()
    for data, said in (
        (b"", "does not begin as one"),
        (b"PK" + sound[2:], "does not begin as one"),
        (sound[:2] + b"\x01" + sound[3:], "give it with its .bim and .fam as --bfile"),
        (sound[:2] + b"\x20" + sound[3:], "its index in a .pgen.pgi file.*--make-pgen"),
        (sound[:2] + b"\x77" + sound[3:], "of storage mode 0x77: rewrite it"),
        (sound[:8], "header of 12 bytes"),
        (sound[:11] + b"\x0f" + sound[12:], "short form"),
        (sound[:-1], "cut short"),
        (sound + b"\x00", "more than its header says"),
        (sound[:20], "ends within its header"),
    ):
        (tmp_path / "g.pgen").write_bytes(data)
        with pytest.raises(InputError, match=said):
            read_index(tmp_path / "g.pgen")


def test_padding_is_not_counted(tmp_path):
    """Bits behind the last sample may be anything."""
    file = plain(tmp_path / "g.pgen", [bytes([0b11_10_01_00, 0xFF])], [0], 5)
    words = read_packed_calls(file, Chosen(np.zeros(1, int), np.ones(1, int), np.full(1, 2)))
    columns = packed.PeopleColumns.of(np.arange(5), n_people=5)
    counts = packed.count_calls(words, columns.mask(np.ones(5, bool)), 5)
    assert (counts.hom_ref[0], counts.het[0], counts.hom_alt[0]) == (1, 1, 1)
