"""A small simulated cohort and a way to call the command line, for the tests of this folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gwasbone.cli import main
from gwasbone.simulate import SimulationSettings, simulate_cohort

#: What a failed command may leave: PREFIX.COMMAND.log and Hail's.
LOGS = re.compile(r"\.\w+(\.hail)?\.log")


@dataclass(frozen=True)
class SmallCohort:
    """200 people, 300 variants on chromosomes 1, 2 and X, as PLINK and VCF files."""

    folder: Path

    @property
    def bfile(self) -> str:
        return str(self.folder / "genotypes")

    @property
    def vcf(self) -> str:
        return str(self.folder / "genotypes.vcf.bgz")

    @property
    def phenotypes(self) -> str:
        return str(self.folder / "phenotypes.tsv")

    @property
    def covariates(self) -> str:
        return str(self.folder / "covariates.tsv")

    def assoc(self, out: Path, *more: str, pheno: str = "bmd_spine") -> list[str]:
        """Arguments of a scan; later flags win."""
        return [
            "assoc", "--bfile", self.bfile, "--build", "GRCh37", "--pheno", pheno,
            "--pheno-file", self.phenotypes, "--out", str(out), *more,
        ]  # fmt: skip

    def copy(self, folder: Path) -> SmallCohort:
        shutil.copytree(self.folder, folder)
        return SmallCohort(folder)


def make_small_cohort(folder: Path, **settings: object) -> SmallCohort:
    chosen: dict[str, object] = {
        "n_people": 200, "n_variants": 300, "n_segments": 3, "chromosomes": (1, 2, 23),
        "n_causal": 10, "n_planted": 1, "missing_rate": 0.02, "seed": 20,
    }  # fmt: skip
    simulate_cohort(SimulationSettings.light(**(chosen | settings)), folder)  # type: ignore[arg-type]
    return SmallCohort(folder)


def one_line_error(
    arguments: list[str], capfd: pytest.CaptureFixture[str], *, code: int = 1
) -> str:
    """Run a command that must fail; the single line it leaves on stderr."""
    capfd.readouterr()
    assert main(arguments) == code
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert err.endswith("\n")
    assert out == ""
    return lines[0]


def left_by(out: Path) -> list[str]:
    """Names in the folder of an output prefix, but its logs; hidden ones too."""
    if not out.parent.exists():
        return []
    names = [path.name for path in out.parent.iterdir()]
    return sorted(name for name in names if not LOGS.fullmatch(name.removeprefix(out.name)))


def gwasbone(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "gwasbone.cli", *arguments]
    environment = os.environ | {"PYTHONWARNINGS": "default"}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, capture_output=True, text=True, env=environment, check=False, **options
    )
