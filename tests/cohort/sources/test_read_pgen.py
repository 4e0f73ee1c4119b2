"""PLINK 2 filesets: their tables, what is refused, and what is written equals what was read."""

from __future__ import annotations

import logging
import subprocess

import numpy as np
import pandas as pd
import pytest
import zstandard
from bed_reader import to_bed
from made_pgen import write_pgen as write_by_pgenlib
from made_pgen import write_tables

import gwasbone as gb
from gwasbone.blocks.pgen import read_index
from gwasbone.cli import main
from gwasbone.cohort.sources.bed import read_bed
from gwasbone.cohort.sources.pgen import read_pgen, shortest
from gwasbone.cohort.sources.pgen_files import write_pgen
from gwasbone.cohort.sources.pgen_tables import read_psam, read_pvar
from gwasbone.cohort.sources.source import ReadOptions
from gwasbone.cohort.statistics import people_statistics, variant_statistics
from gwasbone.errors import InputError, NotBuiltError

N, M = 40, 12


@pytest.fixture
def made(tmp_path):
    """A fileset on two autosomes, X and Y, and its copies of ALT."""
    rng = np.random.default_rng(4)
    G = rng.binomial(2, 0.4, (M, N)).astype(float)
    G[rng.random((M, N)) < 0.05] = np.nan
    places = [
        (c, 5_000_000 + i)
        for i, c in enumerate(["1", "1", "1", "2", "2", "X", "X", "X", "X", "Y", "Y"])
    ]
    places.append(("MT", 70))
    prefix = tmp_path / "g"
    write_by_pgenlib(prefix, G)
    write_tables(prefix, places, rng.integers(0, 3, N))
    return prefix, G


def read(prefix, **options):
    return gb.read_genotypes(pfile=prefix, build="GRCh37", **options)


def test_calls_and_tables(made):
    prefix, G = made
    cohort = read(prefix)
    assert cohort.headline() == "Cohort: 40 samples, 12 variants, GRCh37, PLINK 2 .pgen"
    chromosomes = cohort.variants.table["chromosome"].tolist()
    assert chromosomes == [1, 1, 1, 2, 2, 23, 23, 23, 23, 24, 24, 25]
    block = cohort.source.genotypes(cohort.participants).dosages(cohort.variants.table.iloc[:5])
    np.testing.assert_array_equal(block, G[:5])
    assert gb.read_genotypes(pgen=f"{prefix}.pgen", build="GRCh37").people.table.equals(
        cohort.people.table
    )


def test_a_few_samples_of_many(made):
    prefix, G = made
    cohort = read(prefix).exclude_people("t", "some", np.arange(N) >= 6, description="")
    reader = cohort.source.genotypes(cohort.participants)
    np.testing.assert_array_equal(reader.dosages(cohort.variants.table.iloc[:5]), G[:5, :6])


def test_statistics_are_those_of_the_same_bed(made, tmp_path):
    prefix, G = made
    pgen = read(prefix)
    table = pgen.variants.table
    properties = {
        "iid": pgen.people.table["iid"].tolist(), "sex": pgen.people.table["sex"].tolist(),
        "fid": ["0"] * N, "sid": table["source_id"].tolist(), "allele_1": table["alt"].tolist(),
        "allele_2": table["ref"].tolist(),
        "chromosome": ["1", "1", "1", "2", "2", "X", "X", "X", "X", "Y", "Y", "MT"],
        "bp_position": table["base_pair_location"].tolist(),
    }  # fmt: skip
    to_bed(tmp_path / "b.bed", G.T.astype(np.float32), properties=properties)
    bed = gb.read_genotypes(bfile=tmp_path / "b", build="GRCh37")
    for statistics in (variant_statistics, people_statistics):
        pd.testing.assert_frame_equal(statistics(pgen), statistics(bed))


def test_several_filesets_and_another_order_of_samples(made, tmp_path):
    prefix, G = made
    other = tmp_path / "h"
    write_by_pgenlib(other, G[:3])
    write_tables(other, [("7", 10), ("7", 20), ("7", 30)], [1] * N)
    cohort = read(f"{prefix},{other}")
    reader = cohort.source.genotypes(cohort.participants)
    order = [*range(5), *range(5, 8)]
    found = reader.dosages(cohort.variants.table.iloc[order])
    np.testing.assert_array_equal(found, np.vstack([G[:5], G[:3]]))
    text = other.with_suffix(".psam").read_text().replace("i3\t", "x3\t")
    other.with_suffix(".psam").write_text(text)
    with pytest.raises(InputError, match="got x3 instead of i3 as number 4"):
        read(f"{prefix},{other}")


def test_alleles_are_split_as_hail_does(tmp_path):
    pgenlib = pytest.importorskip("pgenlib")
    prefix = tmp_path / "g"
    alleles = np.array([[0, 0], [0, 1], [2, 0], [1, 2], [2, 2], [3, 1], [-9, -9]], np.int32)
    path = str(prefix.with_suffix(".pgen")).encode()
    with pgenlib.PgenWriter(path, 7, variant_ct=2, nonref_flags=False, allele_ct_limit=4) as w:
        w.append_alleles(alleles.ravel(), allele_ct=4)
        w.append_alleles(np.minimum(alleles, 1).ravel())
    write_tables(prefix, [("1", 100), ("1", 200)], [0] * 7, alts=["G,AT,<DEL>", "C"])
    pvar = prefix.with_suffix(".pvar")
    pvar.write_text(pvar.read_text().replace("\tA\tG,AT", "\tACC\tACG,ATCC"))
    cohort = read(prefix)
    table = cohort.variants.table
    shown = [tuple(v) for v in table[["base_pair_location", "ref", "alt"]].itertuples(index=False)]
    # ACC>ACG is C>G two bases on; ACC>ATCC is A>AT
    assert shown == [(100, "A", "AT"), (100, "ACC", "<DEL>"), (102, "C", "G"), (200, "A", "C")]
    assert cohort.variants.n_kept == 3
    copies = cohort.source.genotypes(cohort.participants).dosages(table)
    nan = np.nan
    np.testing.assert_array_equal(
        copies,
        [[0, 0, 1, 1, 2, 0, nan], [0, 0, 0, 0, 0, 1, nan], [0, 1, 0, 1, 0, 1, nan],
         [0, 1, 1, 2, 2, 2, nan]],
    )  # fmt: skip
    assert shortest(5, "GAA", "GA") == (5, "GA", "G")
    pvar.write_text(pvar.read_text().replace(",ATCC,<DEL>", ""))
    with pytest.raises(InputError, match=r"variant 1 has more than 2 alleles, .*lists 2"):
        read(prefix)


def test_pvar_headers(tmp_path, caplog):
    path = tmp_path / "g.pvar"
    head = '##fileformat=VCFv4.3\n##INFO=<ID=R2,Number=1,Type=Float,Description="x">\n'
    text = head + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tCM\n" + (
        "1\t5\trs1\tA\tC\t.\tPASS\tAF=0.2;R2=0.75;PR\t0.1\n2\t6\t.\tG\tT,TT\t.\t.\t.\t0\n"
    )  # fmt: skip
    path.write_text(text)
    table = read_pvar(path)
    assert table["info"].tolist()[0] == 0.75
    assert np.isnan(table["info"][1])
    assert table["provisional"].tolist() == [True, False]
    columns = ["chromosome", "base_pair_location", "source_id", "ref", "alt"]
    first = table[columns].astype(str)
    assert first.to_numpy().tolist() == [["1", "5", "rs1", "A", "C"], ["2", "6", ".", "G", "T,TT"]]
    # blanks for tabs, and compressed
    path.write_text(text.replace("\t", " "))
    pd.testing.assert_frame_equal(read_pvar(path)[columns].astype(str), first)
    packed = tmp_path / "g.pvar.zst"
    packed.write_bytes(zstandard.compress(text.encode()))
    pd.testing.assert_frame_equal(read_pvar(packed)[columns].astype(str), first)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"g.pvar.zst: "):
        read_pvar(packed)
    # no header: a .bim
    path.write_text("1\trs1\t0\t5\tC\tA\n")
    assert read_pvar(path).iloc[0].tolist() == ["1", "rs1", 5, "A", "C"]
    for wrong, said in (
        (text.replace("\tALT", "\tALTERNATE"), "line 3: expected the columns .*ALT is missing"),
        (text.replace("\t6\t", "\tsix\t"), "line 5: expected a whole number .* got 'six'"),
        (text.replace("\t.\t.\t.\t0\n", "\t.\n"), "line 5: expected 9 columns"),
    ):
        path.write_text(wrong)
        with pytest.raises(InputError, match=said):
            read_pvar(path)


def test_psam_forms(tmp_path):
    path = tmp_path / "g.psam"
    path.write_text(
        "##a comment\n#FID IID SID PAT MAT SEX bmd centre\nf a s1 0 0 1 0.5 Leeds\n"
        "f b s1 0 0 2 NA Bury\nf c s1 0 0 NA 2 NONE\n"
    )
    psam = read_psam(path)
    assert psam.people.to_numpy().tolist() == [["f", "a", 1], ["f", "b", 2], ["f", "c", 0]]
    assert psam.phenotypes["bmd"].isna().tolist() == [False, True, False]
    assert psam.phenotypes["centre"].tolist()[:2] == ["Leeds", "Bury"]
    assert list(psam.phenotypes) == ["bmd", "centre"]
    path.write_text("#IID\na\nb\n")
    psam = read_psam(path)
    assert (psam.people["fid"].tolist(), psam.states_sex) == (["0", "0"], False)
    # no header: a .fam
    path.write_text("f a 0 0 1 -9\nf b 0 0 2 1\n")
    assert read_psam(path).people["sex"].tolist() == [1, 2]
    for text, said in (
        ("#FID IID SEX\nf a\n", "line 2: expected 3 columns as in the header, got 2"),
        ("#SEX IID\n1 a\n", "begins with #FID IID or #IID"),
        ("#IID SEX SEX\na 1 1\n", "SEX is there twice"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            read_psam(path)


def test_phenotypes_of_the_psam_can_be_scanned(made):
    prefix, _ = made
    psam = prefix.with_suffix(".psam")
    rng = np.random.default_rng(1)
    lines = psam.read_text().splitlines()
    values = ["bmd", *rng.standard_normal(N).round(4).astype(str)]
    psam.write_text("".join(f"{a}\t{b}\n" for a, b in zip(lines, values, strict=True)))
    results = gb.associate(read(prefix), ["bmd"])
    assert results.table("bmd")["n"].max() == N


def test_other_sizes_are_refused(made):
    prefix, _G = made
    psam, pvar = prefix.with_suffix(".psam"), prefix.with_suffix(".pvar")
    whole = psam.read_text()
    psam.write_text(whole.rsplit("i39", 1)[0])
    with pytest.raises(InputError, match=r"g.pgen: has 40 samples, .*g.psam lists 39"):
        read(prefix)
    psam.write_text(whole)
    pvar.write_text(pvar.read_text() + "MT\t6000000\tv12\tA\tG\n")
    with pytest.raises(InputError, match=r"g.pgen: has 12 variants, .*g.pvar lists 13"):
        read(prefix)
    pvar.unlink()
    with pytest.raises(InputError, match=r"g.pvar is missing"):
        read(prefix)


def test_a_damaged_record_names_its_variant(made):
    prefix, _G = made
    cohort = read(prefix)
    pgen = prefix.with_suffix(".pgen")
    data = bytearray(pgen.read_bytes())
    cohort.source.calls(cohort.participants).read(cohort.variants.table)
    start = int(read_index(pgen).starts[0])
    data[start - M - M // 2 - M % 2] = 0x55  # the types of the first two records
    pgen.write_bytes(data)
    with pytest.raises(InputError, match=r"g.pgen: variant v0 \(1:5000000\): expected genotypes"):
        cohort.source.calls(cohort.participants).read(cohort.variants.table)


def test_provisional_reference_alleles_are_said(made, caplog):
    prefix, _ = made
    pvar = prefix.with_suffix(".pvar")
    lines = pvar.read_text().splitlines()
    text = [f"{lines[0]}\tINFO", *(f"{line}\tPR" for line in lines[1:])]
    pvar.write_text("\n".join(text) + "\n")
    data = bytearray(prefix.with_suffix(".pgen").read_bytes())
    data[11] = data[11] & 0x3F  # the .pvar tells
    prefix.with_suffix(".pgen").write_bytes(data)
    with caplog.at_level(logging.INFO):
        read(prefix)
    assert "reference alleles of 12 variants are provisional" in caplog.text


def test_hail_cannot_read_it(made):
    with pytest.raises(NotBuiltError, match=r"Hail cannot read PGEN files.*--make-bed"):
        read(made[0]).mt  # noqa: B018


def test_the_command_line_takes_it(made, tmp_path, monkeypatch):
    prefix, _ = made
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"IID": [f"i{i}" for i in range(N)]})
    table["bmd"] = np.random.default_rng(2).standard_normal(N)
    table.to_csv("p.tsv", sep="\t", index=False)
    command = f"assoc --pfile {prefix}.pgen {prefix}.pvar {prefix}.psam --build GRCh37 --pheno bmd"
    assert main([*command.split(), "--pheno-file", "p.tsv", "--out", "o", "--no-plots"]) == 0
    assert (tmp_path / "o.bmd.tsv.gz").exists()


@pytest.mark.real
def test_real_calls_are_those_of_the_bed(shared_data):
    prefix = str(shared_data / "genotypes" / "regenie_example" / "example")
    options = ReadOptions(build="GRCh37")
    read_ = [read_bed(prefix, options), read_pgen(prefix, options)]
    # alleles are called 1 and 2 there, so all is set aside, but it can be read
    words = [g.source.calls(g.participants).read(g.variants.table) for g in read_]
    everyone = [g.source.calls(g.participants).columns.mask(np.ones(500, bool)) for g in read_]
    used = everyone[0] * np.uint64(3)
    np.testing.assert_array_equal(words[0] & used, words[1] & used)
    assert (read_[1].people.table["PHENO1"].notna()).sum() > 490


def test_written_is_read_again(made, tmp_path):
    cohort = read(made[0]).exclude_people("t", "some", np.arange(N) == 3, description="")
    write_pgen(cohort, tmp_path / "copy")
    again = read(tmp_path / "copy")
    kept = cohort.people.kept_table()
    pd.testing.assert_frame_equal(again.people.table, kept)
    a, b = (c.source.genotypes(c.participants).dosages(c.variants.table) for c in (again, cohort))
    np.testing.assert_array_equal(a, b)
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.pgen", "copy.psam", "copy.pvar"]


def imputed(tmp_path):
    rng = np.random.default_rng(8)
    D = np.clip(rng.binomial(2, 0.4, (6, N)) + rng.normal(0, 0.1, (6, N)), 0, 2)
    D[1] = np.rint(D[1])
    D[2, 5:] = np.rint(D[2, 5:])
    D[rng.random(D.shape) < 0.05] = np.nan
    D[3] = rng.uniform(0.05, 0.95, N)
    write_by_pgenlib(tmp_path / "d", D, dosages=True)
    write_tables(tmp_path / "d", [("1", 100 + i) for i in range(6)], [1] * N)
    return read(tmp_path / "d"), D


def test_written_dosages_are_those_that_pgenlib_reads(tmp_path):
    pgenlib = pytest.importorskip("pgenlib")
    cohort, D = imputed(tmp_path)
    assert cohort.source.capabilities.dosages
    write_pgen(cohort, tmp_path / "copy")
    reader = pgenlib.PgenReader(str(tmp_path / "copy.pgen").encode())
    row, call = np.empty(N, np.float32), np.empty(N, np.int8)
    hard = np.where(np.abs(D - np.rint(D)) <= 0.1, np.rint(D), -9)
    for i in range(6):
        reader.read_dosages(i, row)
        np.testing.assert_allclose(np.nan_to_num(D[i], nan=-9), row, atol=4e-5)
        reader.read(i, call)
        sure = np.abs(np.abs(D[i] - np.rint(D[i])) - 0.1) > 1e-3
        np.testing.assert_array_equal(call[sure | np.isnan(D[i])], hard[i][sure | np.isnan(D[i])])
    # one of everybody, of some, and of calls alone
    assert {0, 64, 96} == set(read_index(tmp_path / "copy.pgen").kinds.tolist())


@pytest.mark.peer
def test_plink_accepts_what_is_written(tmp_path, plink2):
    cohort, _ = imputed(tmp_path)
    write_pgen(cohort, tmp_path / "copy")
    for more in (["--validate"], ["--freq"]):
        command = [plink2, "--pfile", "copy", *more, "--out", "o"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    frequency = pd.read_csv(tmp_path / "o.afreq", sep="\t")["ALT_FREQS"]
    ours = variant_statistics(cohort)["alt_frequency"]
    np.testing.assert_allclose(frequency, ours, rtol=2e-5)
