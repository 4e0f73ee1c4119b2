"""The block engine gives the table that Hail's own methods give."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

import gwasbone as gb
from gwasbone.association import blocks
from gwasbone.association.associate import associate
from gwasbone.cohort import packed_calls
from gwasbone.errors import NotBuiltError

N, M = 230, 120


@pytest.fixture(scope="module")
def fileset(tmp_path_factory):
    rng = np.random.default_rng(21)
    folder = tmp_path_factory.mktemp("engines")
    sex = rng.integers(1, 3, N)
    for name, chromosome in (("c1", "1"), ("c23", "23")):
        G = rng.binomial(2, rng.uniform(0.02, 0.98, M), (N, M)).astype(np.float32)
        G[rng.random((N, M)) < 0.02] = np.nan
        G[:, 4], G[:, 5], G[:, 6] = 2, np.nan, 1
        # chromosome X starts in the pseudo-autosomal region and keeps some men heterozygous
        start = 60_001 if name == "c23" else 10_000
        to_bed(
            folder / f"{name}.bed",
            G,
            properties={
                "fid": [f"f{i}" for i in range(N)],
                "iid": [f"i{i}" for i in range(N)],
                "sex": sex,
                "chromosome": [chromosome] * M,
                "sid": [f"{name}_{i}" for i in range(M)],
                "bp_position": [start + 50_000 * i for i in range(M)],
                "allele_1": ["A"] * M,
                "allele_2": ["<DUP>" if i == 9 else "G" for i in range(M)],
            },
        )
    people = pd.DataFrame(
        {
            "a": rng.standard_normal(N),
            "b": rng.standard_normal(N),
            "c": rng.standard_normal(N),
            "age": rng.uniform(40, 70, N),
            "male": (sex == 1).astype(float),
            "site": rng.choice(["x", "y", "z"], N),
        },
        index=[f"i{i}" for i in range(N)],
    )
    people.loc[people.index[::7], "b"] = np.nan
    people.loc[people.index[3], "c"] = np.nan  # one person fewer than "a"
    people.loc[people.index[11], "age"] = np.nan
    return folder, people


def scan(fileset, engine, **options):
    folder, people = fileset
    cohort = gb.read_genotypes(bfile=str(folder / "c*"), build="GRCh37")
    cohort = gb.annotate_phenotypes(cohort, people)
    cohort = cohort.exclude_people("t", "some", np.arange(N) % 11 == 0, description="")
    cohort = cohort.exclude_variants("t", "some", np.arange(2 * M) % 13 == 0, description="")
    told = {"categorical": ["site"], "engine": engine} | options
    return associate(cohort, ["a", "b", "c"], ["age", "male"], **told)


@pytest.mark.hail
def test_equals_the_hail_engine(fileset, hail_session):
    ours, theirs = scan(fileset, "blocks"), scan(fileset, "hail")
    assert ours.provenance["engine"] == "blocks"
    for trait in ("a", "b", "c"):
        x, y = ours.table(trait), theirs.table(trait)
        same = ["chromosome", "position_bp", "other_allele", "effect_allele", "source_id", "n"]
        pd.testing.assert_frame_equal(x[[*same, "status", "test"]], y[[*same, "status", "test"]])
        assert {"", "monomorphic", "all_missing", "symbolic_allele"} == set(x["status"])
        for name in ("effect_allele_frequency", "call_rate", "dof"):
            np.testing.assert_allclose(x[name], y[name], rtol=1e-12)
        np.testing.assert_allclose(x["se"], y["se"], rtol=1e-5)
        difference = ((x["beta"] - y["beta"]) / y["se"]).abs().max()
        print(f"\n{trait}: largest difference of beta {difference:.1e} of its SE")
        assert difference < 2e-5
        np.testing.assert_allclose(x["neg_log10_p"], y["neg_log10_p"], rtol=1e-4, atol=1e-5)


def test_blocks_and_chunks_change_nothing(fileset, monkeypatch):
    whole = scan(fileset, "auto").table("b")
    monkeypatch.setattr(packed_calls, "CALLS_PER_BLOCK", 7 * N)
    monkeypatch.setattr(blocks, "VARIANTS_PER_CHUNK", 31)
    pieces = scan(fileset, "auto", threads=1).table("b")
    pd.testing.assert_frame_equal(whole, pieces, rtol=1e-6, atol=1e-9)


def test_no_jvm_is_started(fileset):
    folder, people = fileset
    people.rename_axis("IID").to_csv(folder / "people.tsv", sep="\t", na_rep="NA")
    code = (
        "import sys; from gwasbone.cli import main; "
        f"code = main(['assoc','--bfile','{folder}/c*','--build','GRCh37','--pheno','a',"
        f"'--pheno-file','{folder}/people.tsv','--covar','age','--no-plots',"
        f"'--out','{folder}/out','--engine','blocks','--force']); "
        "print(code, [m for m in ('hail', 'pyspark') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_blocks_are_refused_where_they_cannot(fileset):
    with pytest.raises(NotBuiltError, match="linear scans"):
        scan(fileset, "blocks", method="logistic")
