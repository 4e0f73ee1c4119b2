"""Inputs of all commands, small enough for hundreds of runs, and a server that runs them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / name) for name in ("cli", "association", "images")]

from disturbed import Server  # noqa: E402
from made_comparison import made_scans  # noqa: E402
from made_dicom import scan, write_dicom  # noqa: E402
from small_cohort import make_small_cohort  # noqa: E402

from gwasbone.cli import main  # noqa: E402

STUDY = """
[study]
build = "GRCh37"
[genotypes]
bfile = "{inputs}/cohort/genotypes"
[phenotypes]
tables = ["{inputs}/people.tsv"]
[qc]
min_x_variants = 20
[pca]
n_components = 2
[association]
traits = ["bmd_hip"]
[relatedness]
remove = false
"""


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cohort, people, scans, DICOM files, a cache of them and a study."""
    folder = tmp_path_factory.mktemp("inputs")
    cohort = make_small_cohort(folder / "cohort", n_people=120)
    rng = np.random.default_rng(4)
    people = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    people["sex"], people["case"] = rng.integers(0, 2, (2, len(people)))
    people.to_csv(folder / "people.tsv", sep="\t", index=False, na_rep="NA")
    _assessments(people["IID"], rng).to_parquet(folder / "assessments.parquet")
    made_scans(rng, m=300, n_loci=10).write(folder)
    _pictures(people["IID"][:40], folder)
    (folder / "study.toml").write_text(STUDY.format(inputs=folder))
    scan_of_hip = cohort.assoc(folder / "bone", "--no-plots", pheno="bmd_hip")
    assert main(scan_of_hip) == 0
    images = ["images", "--dicom", str(folder / "dicom"), "--out", str(folder / "cache")]
    assert main([*images, "--size", "16", "--threads", "1"]) == 0
    assert main(["run", str(folder / "study.toml"), "--until", "people"]) == 0
    return folder


def _assessments(people: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    n = len(people)
    table = pd.DataFrame({
        "person": people, "instance": 2, "sex": rng.integers(0, 2, n),
        "age": rng.uniform(45, 78, n), "weight": rng.normal(75, 12, n), "height": 170.0,
        "bmd_total": rng.normal(1, 0.1, n),
    })  # fmt: skip
    return table.set_index(["person", "instance"])


def _pictures(people: pd.Series, folder: Path) -> None:
    (folder / "dicom").mkdir()
    for seed, person in enumerate(people):
        tags = {"PatientID": str(person), "ProtocolName": "AP Spine", "StudyDate": "20200102"}
        write_dicom(folder / "dicom" / f"{seed}.dcm", scan(seed), **tags)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole run."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close()
