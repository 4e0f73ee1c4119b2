"""The same cohort as .bed, PGEN, BGEN, VCF and BCF gives the same scan, X and Y included."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed
from made_bgen import MadeVariant, write_bgen
from made_pgen import write_pgen, write_tables

import gwasbone as gb

N, M = 300, 8
#: Chromosome and first position of each part: an autosome, X in and outside its
#: pseudo-autosomal regions, Y.
PARTS = (("1", 10_000), ("X", 70_000), ("X", 5_000_000), ("Y", 7_000_000))


def genotypes(rng, sex):
    """(variants, N) copies of ALT: men are haploid on X and Y, but for a few errors on X."""
    G = rng.binomial(2, rng.uniform(0.1, 0.6, (len(PARTS) * M, 1)), (len(PARTS) * M, N))
    haploid = np.zeros(G.shape, dtype=bool)
    haploid[2 * M :, sex == 1] = True
    G = np.where(haploid & (G == 1), 2, G).astype(np.float32)
    G[rng.random(G.shape) < 0.02] = np.nan
    G[2 * M, np.flatnonzero(sex == 1)[:5]] = 1
    return G, haploid


def bgen_variants(G, haploid, bits, *, as_haploid):
    top = 2**bits - 1
    diploid, single = {0: [top, 0], 1: [0, top], 2: [0, 0]}, {0: [top], 2: [0]}
    variants = []
    for i, (g, one) in enumerate(zip(G, haploid, strict=True)):
        chromosome, start = PARTS[i // M]
        one = one & as_haploid
        # a haploid genotype cannot be heterozygous
        missing = np.isnan(g) | (one & (g == 1))
        g = np.where(missing, 0, g).astype(int)
        values = [single[c] if h else diploid[c] for c, h in zip(g, one, strict=True)]
        variants.append(
            MadeVariant(
                values, chromosome, start + 1000 * (i % M), missing=missing, bits=bits,
                source_id=f"v{i}", copies=np.where(one, 1, 2),
            )
        )  # fmt: skip
    return variants


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    rng = np.random.default_rng(61)
    folder = tmp_path_factory.mktemp("formats")
    sex = np.where(rng.random(N) < 0.5, 1, 2)
    sex[:10] = 0
    G, haploid = genotypes(rng, sex)
    places = [(c, start + 1000 * i) for c, start in PARTS for i in range(M)]
    to_bed(
        folder / "g.bed",
        G.T,
        properties={
            "fid": [f"i{i}" for i in range(N)],
            "iid": [f"i{i}" for i in range(N)],
            "sex": sex,
            "sid": [f"v{i}" for i in range(len(G))],
            "chromosome": [c for c, _ in places],
            "bp_position": [p for _, p in places],
            "allele_1": ["G"] * len(G),
            "allele_2": ["A"] * len(G),
        },
    )
    for bits in (8, 16):
        for as_haploid in (False, True):
            name = f"{'haploid' if as_haploid else 'diploid'}{bits}.bgen"
            variants = bgen_variants(G, haploid, bits, as_haploid=as_haploid)
            write_bgen(folder / name, variants, sex=sex)
    for name in ("calls", "dosages"):
        write_pgen(folder / name, G, dosages=name == "dosages")
        write_tables(folder / name, places, sex)
    for name in ("haploid", "diploid", "half"):
        _write_vcf(folder / f"{name}.vcf", G, haploid, places, name)
    _write_imputed(folder, rng, places, sex)
    table = pd.DataFrame({"age": rng.normal(60, 8, N)}, index=[f"i{i}" for i in range(N)])
    table["bmd"] = 0.5 * (sex == 1) + 0.02 * table["age"] + rng.standard_normal(N)
    table["ill"] = (rng.random(N) < np.where(sex == 1, 0.5, 0.25)) * 1
    return folder, table


def scan(made, **genotypes):
    cohort = gb.read_genotypes(build="GRCh37", **genotypes)
    return gb.associate(cohort, ["bmd", "ill"], ["age"], phenotypes=made[1])


@pytest.mark.parametrize("file", ["diploid8", "diploid16", "haploid8", "haploid16"])
def test_bed_and_bgen_give_the_same_scan(made, file):
    folder, _ = made
    bed = scan(made, bfile=str(folder / "g"))
    bgen = scan(made, bgen=str(folder / f"{file}.bgen"), sample=folder / f"{file}.sample")
    assert_same(bed, bgen)


@pytest.mark.parametrize("file", ["calls", "dosages"])
def test_bed_and_pgen_give_the_same_scan(made, file):
    folder, _ = made
    pgen = scan(made, pfile=folder / file)
    assert_same(scan(made, bfile=str(folder / "g")), pgen)


@pytest.mark.peer
def test_bed_and_what_plink_makes_of_it_give_the_same_scan(made, plink2):
    folder, _ = made
    command = [plink2, "--bfile", "g", "--make-pgen", "--out", "made"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert_same(scan(made, bfile=str(folder / "g")), scan(made, pfile=folder / "made"))


def scan_of_vcf(made, **genotypes):
    """With the sex that the .fam states, some of it unknown."""
    folder, table = made
    sex = gb.read_genotypes(bfile=folder / "g", build="GRCh37").people.table[["sex"]]
    cohort = gb.read_genotypes(build="GRCh37", **genotypes).annotate_people(sex)
    return gb.associate(cohort, ["bmd", "ill"], ["age"], phenotypes=table)


@pytest.mark.parametrize("file", ["haploid", "diploid", "half"])
def test_bed_and_vcf_give_the_same_scan(made, file):
    folder, _ = made
    vcf = scan_of_vcf(made, vcf=folder / f"{file}.vcf")
    assert_same(scan(made, bfile=str(folder / "g")), vcf)


@pytest.mark.peer
@pytest.mark.parametrize("file", ["haploid", "diploid", "half", "imputed"])
def test_vcf_and_what_bcftools_makes_of_it_give_the_same_scan(made, bcftools, file):
    folder, _ = made
    command = [bcftools, "view", "-Ob", "-o", f"{file}.bcf", f"{file}.vcf"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    vcf = scan_of_vcf(made, vcf=folder / f"{file}.vcf")
    # BCF rounds dosages of six decimals to 24 bits
    within = 1e-5 if file == "imputed" else 1e-6
    assert_same(vcf, scan_of_vcf(made, bcf=folder / f"{file}.bcf"), within=within)


@pytest.mark.peer
def test_bed_and_the_vcf_that_plink_makes_of_it_give_the_same_scan(made, plink2):
    folder, _ = made
    command = [plink2, "--bfile", "g", "--export", "vcf", "bgz", "id-paste=iid"]
    command += ["--out", "of_plink"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    vcf = scan_of_vcf(made, vcf=folder / "of_plink.vcf.gz")
    assert_same(scan(made, bfile=str(folder / "g")), vcf)


def test_imputed_vcf_and_pgen_give_the_same_scan(made):
    folder, _ = made
    vcf = scan_of_vcf(made, vcf=folder / "imputed.vcf")
    assert_same(scan(made, pfile=folder / "imputed"), vcf, within=1e-4)


def test_imputed_pgen_and_bgen_give_the_same_scan(made):
    """Dosages that both formats hold exactly."""
    folder, _ = made
    pgen = scan(made, pfile=folder / "imputed")
    bgen = scan(made, bgen=folder / "imputed.bgen", sample=folder / "imputed.sample")
    assert_same(bgen, pgen)


@pytest.mark.peer
def test_imputed_bgen_and_what_plink_makes_of_it_give_the_same_scan(made, plink2):
    folder, _ = made
    command = [
        plink2, "--bgen", "imputed.bgen", "ref-first", "--sample", "imputed.sample",
        "--make-pgen", "--out", "from_bgen",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    bgen = scan(made, bgen=folder / "imputed.bgen", sample=folder / "imputed.sample")
    assert_same(bgen, scan(made, pfile=folder / "from_bgen"))


def _write_imputed(folder, rng, places, sex):
    """Dosages of an autosome in 16,384ths, which PGEN and BGEN of layout 1 hold exactly."""
    P = 2 * np.rint(rng.dirichlet([0.5, 0.3, 0.2], (M, N)) * 16_384).astype(int)
    P[:, :, 0] = 32_768 - P[:, :, 1] - P[:, :, 2]
    missing = rng.random((M, N)) < 0.02
    P[missing] = 0
    variants = [
        MadeVariant(p.tolist(), *place, source_id=f"v{i}")
        for i, (p, place) in enumerate(zip(P, places[:M], strict=True))
    ]
    write_bgen(folder / "imputed.bgen", variants, sex=sex, layout=1)
    D = (P[:, :, 1] + 2 * P[:, :, 2]) / 32_768
    write_pgen(folder / "imputed", np.where(missing, np.nan, D), dosages=True)
    write_tables(folder / "imputed", places[:M], sex)
    entries = np.where(missing, ".", np.char.mod("%.6f", D))
    _write_lines(folder / "imputed.vcf", entries, places[:M], "DS")


def _write_vcf(path, G, haploid, places, kind):
    """Men on X and Y with one allele, with two, or with one and a missing one."""
    calls = np.array(["0/0", "0/1", "1/1", "./."])[np.where(np.isnan(G), 3, G).astype(int)]
    one = haploid & (G != 1)
    if kind == "half":
        # on X only, as some programs write them
        one[3 * M :] = False
    texts = {"haploid": "{}", "half": "{}/.", "diploid": None}[kind]
    if texts is not None:
        alleles = np.array(["0", "", "1", "."])[np.where(np.isnan(G), 3, G).astype(int)]
        single = np.vectorize(texts.format)(alleles)
        calls = np.where(one, single, calls)
    _write_lines(path, calls, places, "GT")


def _write_lines(path, entries, places, field):
    kind = "Number=A,Type=Float" if field == "DS" else "Number=1,Type=String"
    head = [
        "##fileformat=VCFv4.2", "##contig=<ID=1>", "##contig=<ID=X>", "##contig=<ID=Y>",
        f'##FORMAT=<ID={field},{kind},Description="">',
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"])
        + "".join(f"\ti{i}" for i in range(N)),
    ]  # fmt: skip
    lines = [
        "\t".join((c, str(p), f"v{i}", "A", "G", ".", ".", ".", field, *row))
        for i, ((c, p), row) in enumerate(zip(places, entries, strict=True))
    ]
    path.write_text("\n".join((*head, *lines)) + "\n")


def assert_same(bed, bgen, within=1e-6):
    same = ["chromosome", "base_pair_location", "effect_allele", "n", "test", "status"]
    for trait in ("bmd", "ill"):
        ours, theirs = bed.table(trait), bgen.table(trait)
        pd.testing.assert_frame_equal(ours[same], theirs[same])
        assert set(ours["status"]) == {""}
        for name in ("effect_allele_frequency", "call_rate"):
            np.testing.assert_allclose(
                ours[name], theirs[name], rtol=1e-12 if within == 1e-6 else within
            )
        for name in ("standard_error", "neg_log_10_p_value"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=within, atol=within)
        in_se = np.abs(ours["beta"] - theirs["beta"]) / ours["standard_error"]
        assert in_se.max() < within
