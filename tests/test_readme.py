"""README's commands and its Python, run exactly as they are printed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from made_readme import code_blocks, environment, make_readme_folder

from gwasbone.phenotypes.table import read_people_table

BLOCKS = code_blocks("sh")


def _is_of_make(block: str) -> bool:
    return all(line.startswith("make ") for line in block.splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    make_readme_folder(path)
    return path


def _run(block: str, folder: Path) -> None:
    """A block in a shell that stops at the first command that fails and shows it."""
    done = subprocess.run(
        ["bash", "-e", "-x", "-c", block], cwd=folder, env=environment(folder), check=False,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def on_genotypes(folder: Path) -> None:
    """The blocks up to the one on data of one's own have run."""
    for block in BLOCKS[1:3]:
        _run(block, folder)


def test_the_blocks_are_those_that_are_run_here():
    assert [_is_of_make(block) for block in BLOCKS] == [True, False, False, False, False]
    first = [block.split("gwasbone ", 1)[1].split()[0] for block in BLOCKS[1:]]
    assert first == ["assoc", "qc", "phenotypes", "select"]


def test_commands_on_genotypes(on_genotypes, folder):
    names = {path.name for path in folder.iterdir()}
    assert {"british.keep.txt", "bmd.bmd_hip.tsv.gz", "bmd.loci.tsv", "bmd.regional.html"} <= names
    assert (folder / "demo" / "gwasbone.cnn_prob.tsv.gz").exists()


@pytest.mark.slow
def test_commands_on_records_images_and_scans(on_genotypes, folder):
    for block in BLOCKS[3:]:
        _run(block, folder)
    names = {path.name for path in folder.iterdir()}
    assert {"cnn.cnn_prob.tsv.gz", "snps.genotype_models.tsv", "case-or-cnn.comparison.tsv",
            "scans.stacked.html"} <= names  # fmt: skip


@pytest.mark.hail
def test_the_python_of_the_readme(hail_session, folder, monkeypatch):
    [block] = code_blocks("python")
    for path in folder.glob("ukb_chr[12].*"):
        shutil.copy(path, folder / path.name.removeprefix("ukb_"))
    monkeypatch.chdir(folder)
    people = read_people_table("people.tsv")
    bed, bim, fam = (str(folder / f"chr1.{ending}") for ending in ("bed", "bim", "fam"))
    mt = hail_session.import_plink(bed, bim, fam, reference_genome="GRCh37", a2_reference=True)
    of_people = people.loc[mt.s.collect()]
    columns = {
        name: hail_session.literal(of_people[name].tolist()) for name in ("bmd_spine", "age")
    }
    mt = mt.add_col_index("i")
    i = hail_session.int32(mt.i)
    names = {
        "scores": people.filter(like="PC"),
        "reported": people["p21000_i0"],
        "my_mt": mt.annotate_cols(bmd=columns["bmd_spine"][i], age=columns["age"][i]),
    }
    exec(compile(block, "README.md", "exec"), names)  # what the reader types
    assert names["results"].provenance["traits"]["bmd_spine"]["method"] == "linear"
    assert names["cohort"].people.n_kept > 200
