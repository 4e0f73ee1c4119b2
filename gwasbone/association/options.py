"""Options of a scan: the model, its test, the engine, and what is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gwasbone.errors import NotBuiltError
from gwasbone.options import Options
from gwasbone.phenotypes.options import BinaryCoding

Engine = Literal["auto", "blocks", "hail"]
Method = Literal["auto", "linear", "logistic", "wgr"]
ResultFormat = Literal["ssf", "parquet"]
Test = Literal["score", "firth", "spa", "wald", "lrt"]


@dataclass(frozen=True, kw_only=True)
class AssociationOptions(Options):
    """How traits are tested.

    Parameters
    ----------
    method : linear or logistic for every trait (wgr is not built yet); auto takes logistic for
        traits coded 0/1, 1/2 or Yes/No and linear for the others.
    test : test of the logistic scans: score (with Firth's test below p = 0.05), firth, spa (with a
        saddlepoint p there), wald, lrt.
    engine : computation engine: hail (Hail's own methods), blocks (genotype files read directly,
        no JVM) or auto (blocks where it can).
    binary_coding : what 0, 1, 2 or -9 of a case-control trait mean where that is not plain: 01
        (1 = case, -9 missing) or 12 (2 = case, 1 = control, 0 and -9 missing).
    rint : rank-inverse-normal transform of the traits.
    standardize : scale the traits to mean 0 and SD 1.

    Raises
    ------
    NotBuiltError
        A method that is not built yet, or a test that the engine does not have.
    """

    method: Method = "auto"
    test: Test = "score"
    engine: Engine = "auto"
    binary_coding: BinaryCoding | None = None
    rint: bool = False
    standardize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method == "wgr":
            raise NotBuiltError("--method wgr: not built yet; use linear or logistic")
        if self.method != "logistic":
            return
        if self.test == "spa" and self.engine == "hail":
            raise NotBuiltError("--test spa: not built yet for --engine hail; use blocks or auto")
        if self.test in ("wald", "lrt") and self.engine == "blocks":
            raise NotBuiltError(
                f"--test {self.test}: not built yet for --engine blocks; use auto or hail"
            )

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.method == "logistic" and (self.rint or self.standardize):
            faults.append("expected --rint and --standardize with a linear model, not logistic")
        return faults


@dataclass(frozen=True, kw_only=True)
class AssociationRequest(AssociationOptions):
    """What to scan, and with which model: this is what travels from a command to the engines.

    Parameters
    ----------
    traits : columns to scan.
    covariates : columns used as numbers; PC1-PC10 expands.
    categorical : columns used as categories.
    """

    traits: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScanRequest(AssociationRequest):
    """A scan, and what is written of it.

    Parameters
    ----------
    formats : files of results: ssf (GWAS-SSF), parquet (one wide file) or both.
    plots : draw Manhattan and QQ pages.
    """

    formats: tuple[ResultFormat, ...] = ("ssf",)
    plots: bool = True

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if not self.formats:
            faults.append("formats = () (expected ssf, parquet or both)")
        return faults
