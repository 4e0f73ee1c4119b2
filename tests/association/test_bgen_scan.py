"""Scans of dosages in BGEN files by blocks: Hail's table, PLINK's numbers, and no JVM."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from made_bgen import MadeVariant, dosages_of, random_probabilities, write_bgen

import gwasbone as gb
from gwasbone.association import blocks
from gwasbone.association.associate import associate
from gwasbone.association.blocks import ScanTask, prepare_scan
from gwasbone.association.design import build_design
from gwasbone.association.options import AssociationRequest
from gwasbone.cohort.sources import dosage_reader

N, M = 180, 40
SAME, ABSENT, INSIDE = 4, 5, 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two files, an autosome and X (everybody diploid there, as Hail wants it), and people."""
    rng = np.random.default_rng(77)
    folder = tmp_path_factory.mktemp("bgen")
    sex = rng.integers(1, 3, N)
    x = rng.standard_normal(N)
    for name, chromosome, start in (("c01", "01", 10_000), ("c23", "X", 2_600_000)):
        P = random_probabilities(rng, M, N)
        missing = rng.random((M, N)) < 0.03
        P[SAME], missing[ABSENT] = [10, 200], True
        P[INSIDE], missing[INSIDE] = np.where(x[:, None] > 0, [255, 0], [0, 0]), False
        variants = [
            MadeVariant(p, chromosome, start + 5_000 * i, missing=gone, source_id=f"{name}_{i}")
            for i, (p, gone) in enumerate(zip(P, missing, strict=True))
        ]
        write_bgen(folder / f"{name}.bgen", variants, sex=sex)
    (folder / "c01.sample").rename(folder / "all.sample")
    people = pd.DataFrame(
        {
            "a": rng.standard_normal(N),
            "b": rng.standard_normal(N),
            "age": rng.uniform(40, 70, N),
            "side": (x > 0).astype(float),
            "male": (sex == 1).astype(float),
            "ill": (rng.random(N) < 0.4).astype(float),
            "other": (rng.random(N) < 0.3).astype(float),
        },
        index=[f"i{i}" for i in range(N)],
    )
    people.loc[people.index[::7], ["b", "other"]] = np.nan
    return folder, people


def scan(made, engine="auto", traits=("a", "b"), **options):
    folder, people = made
    cohort = gb.read_genotypes(
        bgen=str(folder / "c*.bgen"), sample=folder / "all.sample", build="GRCh37"
    )
    cohort = gb.annotate_phenotypes(cohort, people)
    cohort = cohort.exclude_people("t", "some", np.arange(N) % 11 == 0, description="")
    cohort = cohort.exclude_variants("t", "some", np.arange(2 * M) % 13 == 0, description="")
    covariates = ["age", "male", "side"]
    return associate(cohort, list(traits), covariates, engine=engine, **options)


def assert_same(ours, theirs, trait):
    x, y = ours.table(trait), theirs.table(trait)
    same = ["chromosome", "base_pair_location", "other_allele", "effect_allele", "source_id", "n"]
    pd.testing.assert_frame_equal(x[[*same, "status", "test"]], y[[*same, "status", "test"]])
    assert set(x["status"]) == {"", "monomorphic", "all_missing", "collinear_genotype"}
    for name in ("effect_allele_frequency", "call_rate", "dof"):
        np.testing.assert_allclose(x[name], y[name], rtol=1e-12)
    return x, y


@pytest.mark.hail
@pytest.mark.slow
def test_linear_equals_the_hail_engine(made, hail_session):
    ours, theirs = scan(made, "blocks"), scan(made, "hail")
    for trait in ("a", "b"):
        x, y = assert_same(ours, theirs, trait)
        np.testing.assert_allclose(x["standard_error"], y["standard_error"], rtol=1e-5)
        difference = ((x["beta"] - y["beta"]) / y["standard_error"]).abs().max()
        print(f"\n{trait}: largest difference of beta {difference:.1e} of its SE")
        assert difference < 2e-5
        np.testing.assert_allclose(
            x["neg_log_10_p_value"], y["neg_log_10_p_value"], rtol=1e-4, atol=1e-5
        )


@pytest.mark.hail
@pytest.mark.slow
def test_logistic_equals_the_hail_engine(made, hail_session):
    told = {"traits": ("ill", "other"), "method": "logistic", "test": "score"}
    ours, theirs = scan(made, "blocks", **told), scan(made, "hail", **told)
    for trait in ("ill", "other"):
        x, y = assert_same(ours, theirs, trait)
        by_firth = (x["test"] == "firth") & (x["status"] == "")
        assert by_firth.any()
        off = ((x["beta"] - y["beta"]) / y["standard_error"]).abs()
        print(f"\n{trait}: score {off[~by_firth].max():.1e}, Firth {off[by_firth].max():.1e} of SE")
        assert off[~by_firth].max() < 2e-5
        assert off[by_firth].max() < 1e-3
        np.testing.assert_allclose(
            x["neg_log_10_p_value"], y["neg_log_10_p_value"], rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("test", ["linear", "score", "firth", "spa"])
def test_blocks_and_chunks_change_nothing(made, monkeypatch, test):
    told = {"traits": ("ill", "other"), "method": "logistic", "test": test}
    told = {} if test == "linear" else told
    whole = scan(made, **told)
    assert whole.provenance["engine"] == "blocks"
    monkeypatch.setattr(dosage_reader, "DOSAGES_PER_BLOCK", 7 * N)
    monkeypatch.setattr(blocks, "VARIANTS_PER_CHUNK", 31)
    pieces = scan(made, threads=1, **told)
    for trait in told.get("traits", ("a", "b")):
        pd.testing.assert_frame_equal(whole.table(trait), pieces.table(trait), rtol=1e-5, atol=2e-6)


def test_a_scan_goes_to_other_processes(made):
    folder, people = made
    cohort = gb.read_genotypes(
        bgen=str(folder / "c01.bgen"), sample=folder / "all.sample", build="GRCh37"
    )
    ids = cohort.people.kept_table().index.tolist()
    design = build_design(
        ids, people, AssociationRequest(traits=("a",), covariates=("age",), method="linear")
    )
    task = ScanTask(*prepare_scan(cohort, design))
    block = next(task.genotypes.blocks(cohort.variants.kept_table().iloc[:6]))
    here, there = task(block), pickle.loads(pickle.dumps(task))(block)
    np.testing.assert_array_equal(here[0].t, there[0].t)


def test_no_jvm_is_started(made):
    folder, people = made
    people.rename_axis("IID").to_csv(folder / "people.tsv", sep="\t", na_rep="NA")
    code = (
        "import sys; from gwasbone.cli import main; "
        f"code = main(['assoc','--bgen','{folder}/c*.bgen','--sample','{folder}/all.sample',"
        f"'--build','GRCh37','--pheno','a','--pheno-file','{folder}/people.tsv','--covar','age',"
        f"'--maf','0.05','--geno','0.2','--no-plots','--out','{folder}/out','--force']); "
        "print(code, [m for m in ('hail', 'pyspark') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


@pytest.fixture(scope="module")
def exported(tmp_path_factory, plink2):
    """Complete dosages that PLINK wrote: 8 and 16 bits; men have one copy on X."""
    rng = np.random.default_rng(8)
    folder = tmp_path_factory.mktemp("plink")
    n, m = 300, 50
    sex = rng.integers(1, 3, n)
    call = rng.binomial(2, rng.uniform(0.05, 0.95, (m, 1)), (m, n)).astype(float)
    field = '##FORMAT=<ID={},Number=1,Type={},Description="x">'
    lines = ["##fileformat=VCFv4.2", field.format("GT", "String"), field.format("DS", "Float")]
    names = [f"i{i}" for i in range(n)]
    lines.append("#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"))
    lines[-1] += "".join(f"\t{name}" for name in names)
    for i in range(m):
        chromosome, position = ("2", 1000 + i) if i < 30 else ("X", 5_000_000 + i)
        g = call[i].copy()
        if chromosome == "X":
            g[sex == 1] = rng.integers(0, 2, (sex == 1).sum())
        most = np.where((sex == 1) & (chromosome == "X"), 1, 2)
        called = np.where(most == 1, np.array(["0", "1", ""])[g.astype(int)],
                          np.array(["0/0", "0/1", "1/1"])[g.astype(int)])  # fmt: skip
        vague = rng.random(n) < 0.5
        g = np.where(vague, np.clip(g + rng.normal(0, 0.2, n), 0, most), g)
        fields = [f"{chromosome}", f"{position}", f"v{i}", "C", "T", ".", ".", ".", "GT:DS"]
        lines.append("\t".join(fields + [f"{c}:{d:.3f}" for c, d in zip(called, g, strict=True)]))
    (folder / "a.vcf").write_text("\n".join(lines) + "\n")
    table = pd.DataFrame({"IID": names, "SEX": sex})
    table.rename(columns={"IID": "#IID"}).to_csv(folder / "sex.txt", sep="\t", index=False)
    for bits in (8, 16):
        command = f"--vcf a.vcf dosage=DS --update-sex sex.txt --out a{bits}".split()
        command += ["--export", "bgen-1.2", f"bits={bits}", "ref-first"]
        subprocess.run([plink2, *command], cwd=folder, check=True, capture_output=True)
    people = table.set_index("IID").rename(columns={"SEX": "sex_code"})
    people["age"] = rng.uniform(40, 70, n)
    people["y"] = rng.standard_normal(n) + 0.2 * people["sex_code"] + 0.4 * call[3]
    people["ill"] = (people["y"] > 0.9).astype(float)
    return folder, people


def plink_scan(folder, plink2, bits, pheno, *options):
    command = f"--bgen a{bits}.bgen ref-first --sample a{bits}.sample --pheno pheno.txt".split()
    command += ["--pheno-name", pheno, "--covar", "pheno.txt", "--covar-name", "age,sex_code"]
    command += ["--glm", *options, "omit-ref", "cols=+err", "--out", f"glm{bits}", "--threads", "1"]
    done = subprocess.run([plink2, *command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob(f"glm{bits}.{pheno}.glm.*")
    found = pd.read_csv(path, sep="\t")
    path.unlink()
    return found[found["TEST"] == "ADD"].reset_index(drop=True)


@pytest.mark.peer
@pytest.mark.parametrize("bits", [8, 16])
def test_equals_plink(exported, plink2, bits):
    """β, SE and t of complete dosages, ALT the second allele, men 0 or 2 on X."""
    folder, people = exported
    written = people.rename_axis("#IID").reset_index()
    written["ill"] += 1
    written.to_csv(folder / "pheno.txt", sep="\t", index=False)
    cohort = gb.read_genotypes(
        bgen=str(folder / f"a{bits}.bgen"), sample=folder / f"a{bits}.sample", build="GRCh37"
    )
    cohort = gb.annotate_phenotypes(cohort, people)
    ours = associate(cohort, ["y"], ["age", "sex_code"]).table("y")
    theirs = plink_scan(folder, plink2, bits, "y", "no-x-sex", "hide-covar")
    assert ours["source_id"].tolist() == theirs["ID"].tolist()
    assert ours["effect_allele"].tolist() == theirs["A1"].tolist() == ["T"] * len(ours)
    off = {
        name: np.nanmax(np.abs(ours[own] / theirs[name] - 1))
        for name, own in (("BETA", "beta"), ("SE", "standard_error"), ("T_STAT", "statistic"))
    }
    print(f"\n{bits} bits: largest relative differences from PLINK {off}")
    assert off["SE"] < 2e-3
    assert (np.abs(ours["beta"] - theirs["BETA"]) / theirs["SE"]).max() < 2e-3
    logistic = associate(
        cohort, ["ill"], ["age", "sex_code"], method="logistic", test="firth"
    ).table("ill")
    theirs = plink_scan(folder, plink2, bits, "ill", "firth", "no-x-sex", "hide-covar")
    difference = (np.abs(logistic["beta"] - np.log(theirs["OR"])) / theirs["LOG(OR)_SE"]).max()
    print(f"Firth's beta: largest difference {difference:.1e} of its SE")
    assert difference < 5e-3


def test_dosages_of_two_bits_depths_give_the_same_scan(tmp_path, made):
    _, people = made
    P = random_probabilities(np.random.default_rng(3), 10, N)
    found = {}
    for bits, factor in ((8, 1), (16, 257)):  # 65,535 = 257 · 255
        variants = [MadeVariant(p * factor, position=10 + i, bits=bits, source_id=f"v{i}")
                    for i, p in enumerate(P)]  # fmt: skip
        path = write_bgen(tmp_path / f"b{bits}.bgen", variants, compression=2)
        cohort = gb.read_genotypes(
            bgen=str(path), sample=path.with_suffix(".sample"), build="GRCh37"
        )
        found[bits] = associate(gb.annotate_phenotypes(cohort, people), ["a"], ["age"]).table("a")
    pd.testing.assert_frame_equal(found[8], found[16], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[8]["effect_allele_frequency"], dosages_of(P).mean(axis=1) / 2)
