"""Files: PLINK and VCF agree call by call, PLINK 2 reads both, and no half file is ever left."""

import dataclasses
import gzip
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import bed_reader
import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import GwasboneError, UsageError
from gwasbone.simulate import (
    MISSING,
    SimulatedCohort,
    SimulationSettings,
    simulate_cohort,
    simulate_genotypes,
)
from gwasbone.simulate.files import BgzfWriter

SETTINGS = SimulationSettings(
    n_people=400,
    n_variants=1500,
    n_segments=30,
    seed=31,
    fraction_british=0.9,
    fraction_white_other=0.0,
    n_causal=60,
)
TINY = SimulationSettings.light(
    n_people=60, n_variants=900, n_segments=3, chromosomes=(1, 23), n_causal=10, n_planted=1
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> SimulatedCohort:
    return simulate_cohort(SETTINGS, tmp_path_factory.mktemp("cohort") / "new")


@pytest.fixture(scope="module")
def bed(cohort: SimulatedCohort) -> bed_reader.open_bed:
    return bed_reader.open_bed(f"{cohort.bfile}.bed")


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_what_the_contract_names(cohort):
    assert _files(cohort.folder) == {
        "genotypes.bed",
        "genotypes.bim",
        "genotypes.fam",
        "genotypes.vcf.bgz",
        "phenotypes.tsv",
        "covariates.tsv",
        "truth/causal_variants.tsv",
        "truth/genetic_values.tsv",
        "truth/ancestry.tsv",
        "truth/relatives.tsv",
        "truth/people_faults.tsv",
        "truth/variant_faults.tsv",
        "truth/settings.json",
    }
    assert (cohort.n_people, cohort.n_variants) == (400, 1500)
    assert cohort.n_relative_pairs == SETTINGS.n_pairs
    assert cohort.group_counts["british"] == 360

    phenotypes = pd.read_csv(cohort.phenotypes, sep="\t")
    traits = ["bmd_spine", "bmd_hip", "bmd_femur", "osteoporosis", "null_trait"]
    assert list(phenotypes) == ["FID", "IID", *traits]
    assert set(phenotypes["osteoporosis"].dropna()) == {0, 1}
    assert phenotypes["osteoporosis"].sum() == cohort.n_cases
    assert "\t1.0\t" not in cohort.phenotypes.read_text()  # 0/1 stay whole numbers beside NA
    covariates = pd.read_csv(cohort.covariates, sep="\t")
    names = ["sex", "age", "weight", "height", "centre", "array", "ethnic_background"]
    assert list(covariates) == ["FID", "IID", *names]
    assert phenotypes["IID"].equals(covariates["IID"])


def test_settings_can_be_rebuilt_from_the_truth(cohort):
    saved = json.loads((cohort.truth / "settings.json").read_text())
    assert SimulationSettings(**saved) == SETTINGS


def test_bed_holds_the_simulated_calls(bed):
    genotypes = simulate_genotypes(SETTINGS)
    assert np.array_equal(bed.read(dtype="int8").T, genotypes.G)
    assert list(bed.iid) == list(genotypes.people["iid"])
    assert list(bed.allele_1) == list(genotypes.variants["effect_allele"])
    assert list(bed.sid) == list(genotypes.variants["source_id"])
    men = genotypes.people["reported_is_male"].to_numpy()
    assert np.array_equal(bed.sex, np.where(men, 1, 2))


def test_bed_and_vcf_agree_call_by_call(cohort, bed):
    dosage = {"0/0": 0, "0/1": 1, "1/1": 2, "./.": MISSING, "0": 0, "1": 2, ".": MISSING}
    rows, fields, ploidy = [], [], []
    with gzip.open(cohort.vcf, "rt") as stream:
        for line in stream:
            if line.startswith("##"):
                continue
            cells = line.rstrip("\n").split("\t")
            if line.startswith("#"):
                assert cells[9:] == list(bed.iid)
                continue
            assert cells[5:9] == [".", "PASS", ".", "GT"]
            fields.append(cells[:5])
            rows.append([dosage[call] for call in cells[9:]])
            ploidy.append([call.count("/") + 1 for call in cells[9:]])
    assert np.array_equal(np.array(rows), bed.read(dtype="int8").T)
    chromosome, position, source_id, ref, alt = np.array(fields).T
    assert np.array_equal(np.where(chromosome == "X", "23", chromosome), bed.chromosome)
    assert np.array_equal(position.astype(int), bed.bp_position)
    assert np.array_equal(source_id, bed.sid)
    assert np.array_equal(ref, bed.allele_2)
    assert np.array_equal(alt, bed.allele_1)

    truth = pd.read_csv(cohort.truth / "ancestry.tsv", sep="\t")
    men = (truth["genetic_sex"] == "man").to_numpy()
    expected = np.where((chromosome == "X")[:, None] & men, 1, 2)
    assert np.array_equal(np.array(ploidy), expected)


def _frequencies(plink2: str, out: Path, *source: str) -> pd.DataFrame:
    subprocess.run(
        [plink2, *source, "--freq", "--threads", "1", "--memory", "640", "--out", str(out)],
        check=True,
        capture_output=True,
    )
    return pd.read_csv(f"{out}.afreq", sep="\t", dtype={"#CHROM": str})


@pytest.mark.peer
def test_plink2_counts_what_we_wrote(cohort, bed, plink2, tmp_path):
    ours = bed.read(dtype="int8").T
    called = ours != MISSING
    auto = bed.chromosome != "23"
    frequency = np.where(called, ours, 0).sum(axis=1)[auto] / (2 * called.sum(axis=1)[auto])
    from_bed = _frequencies(plink2, tmp_path / "bed", "--bfile", str(cohort.bfile))
    assert len(from_bed) == 1500
    on_x = from_bed["#CHROM"] == "X"
    assert on_x.sum() == (~auto).sum() > 0
    theirs = from_bed[~on_x]
    assert np.array_equal(theirs["ID"], bed.sid[auto])
    assert np.array_equal(theirs["ALT"], bed.allele_1[auto])
    assert np.allclose(theirs["ALT_FREQS"], frequency, rtol=1e-5)
    assert np.array_equal(theirs["OBS_CT"], 2 * called.sum(axis=1)[auto])

    sexes = tmp_path / "sex.txt"
    truth = pd.read_csv(cohort.truth / "ancestry.tsv", sep="\t", dtype=str)
    coded = truth["genetic_sex"].map({"man": "1", "woman": "2"})
    sexes.write_text(
        "#IID\tSEX\n" + "".join(f"{i}\t{s}\n" for i, s in zip(truth["IID"], coded, strict=True))
    )
    from_vcf = _frequencies(
        plink2, tmp_path / "vcf", "--vcf", str(cohort.vcf), "--update-sex", str(sexes)
    )
    assert np.array_equal(from_vcf["ID"], bed.sid)
    assert np.allclose(from_vcf[~on_x]["ALT_FREQS"], frequency, rtol=1e-5)
    # On X a man counts once.
    men = (truth["genetic_sex"] == "man").to_numpy()
    copies = np.where(men, 1, 2) * called[~auto]
    alt = (np.where(called[~auto], ours[~auto], 0) / 2 * np.where(men, 1, 2)).sum(axis=1)
    assert np.array_equal(from_vcf[on_x]["OBS_CT"], copies.sum(axis=1))
    assert np.allclose(from_vcf[on_x]["ALT_FREQS"], alt / copies.sum(axis=1), rtol=1e-5)


@pytest.mark.peer
def test_bcftools_indexes_the_vcf(cohort, bcftools, tmp_path):
    index = tmp_path / "x.csi"
    subprocess.run(
        [bcftools, "index", "-o", str(index), str(cohort.vcf)], check=True, capture_output=True
    )
    counts = subprocess.run(
        [bcftools, "index", "-n", f"{cohort.vcf}##idx##{index}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert counts.stdout.strip() == "1500"


def test_same_settings_make_the_same_bytes(cohort, tmp_path):
    simulate_cohort(SETTINGS, tmp_path)
    for name in _files(cohort.folder):
        assert (tmp_path / name).read_bytes() == (cohort.folder / name).read_bytes(), name


def test_formats_choose_the_files_and_the_unknown_is_refused(tmp_path):
    result = simulate_cohort(TINY, tmp_path / "a", formats=["vcf"])
    assert result.bfile is None
    assert not (tmp_path / "a/genotypes.bed").exists()
    assert result.vcf is not None
    assert result.vcf.exists()
    with pytest.raises(UsageError, match=r"some of plink, vcf, got \['bgen'\]"):
        simulate_cohort(TINY, tmp_path / "b", formats=["bgen"])
    assert not (tmp_path / "b").exists()


def test_existing_files_are_kept_unless_forced(tmp_path):
    (tmp_path / "phenotypes.tsv").write_text("mine\n")
    with pytest.raises(UsageError, match=r"already holds phenotypes\.tsv"):
        simulate_cohort(TINY, tmp_path)
    assert _files(tmp_path) == {"phenotypes.tsv"}
    simulate_cohort(TINY, tmp_path, force=True)
    assert (tmp_path / "phenotypes.tsv").read_text().startswith("FID\tIID")


def test_an_error_midway_leaves_nothing(tmp_path):
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "VCF":
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        simulate_cohort(TINY, tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import os, signal, sys
from gwasbone.simulate import SimulationSettings, simulate_cohort

def die(stage, done, total):
    if stage == "VCF":
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    settings = SimulationSettings.light(
        n_people=60, n_variants=900, n_segments=3, chromosomes=(1, 23), n_causal=10, n_planted=1
    )
    simulate_cohort(settings, sys.argv[1], progress=die)
"""


def test_a_killed_run_leaves_no_half_file_and_can_be_repeated(tmp_path):
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert {path.name[:19] for path in tmp_path.iterdir()} == {".gwasbone-simulate-"}
    simulate_cohort(TINY, tmp_path)
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())
    assert (tmp_path / "truth/settings.json").exists()


def test_a_folder_that_cannot_be_made_is_a_one_line_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GwasboneError, match="could not write to") as caught:
        simulate_cohort(TINY, tmp_path / "file" / "below")
    assert "\n" not in str(caught.value)


def test_bgzf_blocks_chain_to_the_end_marker(tmp_path):
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, 200_000, dtype=np.uint8).tobytes()  # deflate makes it larger
    data = b"chr1\t" * 50_000 + noise + b"end"
    path = tmp_path / "x.bgz"
    with BgzfWriter(path) as stream:
        for start in range(0, len(data), 70_001):
            stream.write(data[start : start + 70_001])
    raw = path.read_bytes()
    assert gzip.decompress(raw) == data
    at, sizes = 0, []
    while at < len(raw):
        assert raw[at : at + 4] == b"\x1f\x8b\x08\x04"
        assert raw[at + 12 : at + 16] == b"BC\x02\x00"
        size = struct.unpack_from("<H", raw, at + 16)[0] + 1
        sizes.append(size)
        at += size
    assert at == len(raw)
    assert sizes[-1] == 28


def test_a_cut_bgzf_lacks_the_end_marker(tmp_path):
    def write_and_fail() -> None:
        with BgzfWriter(tmp_path / "x.bgz") as stream:
            stream.write(b"a" * 100_000)
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        write_and_fail()
    assert not (tmp_path / "x.bgz").read_bytes().endswith(bytes(10))


def test_importing_the_settings_needs_neither_msprime_nor_pandas():
    code = (
        "import sys; from gwasbone.simulate import SimulationSettings; SimulationSettings();"
        "assert not {'msprime', 'pandas', 'hail', 'scipy', 'bokeh'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_replacing_one_field_keeps_the_rest():
    assert dataclasses.replace(SETTINGS, seed=5).n_people == SETTINGS.n_people
