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
    """Model and test of an association scan.

    Parameters
    ----------
    method : regression model: linear, logistic, or auto, which takes logistic for traits coded
        0/1, 1/2 or Yes/No and linear for the others.
    test : test of logistic regression: score (with Firth's test where p < 0.05), firth, spa (with
        a saddlepoint p-value where p < 0.05), wald or lrt.
    engine : computation engine: hail (Hail's own methods), blocks (reads genotype files directly,
        without a JVM) or auto (blocks where possible).
    binary_coding : coding of case-control traits where it is ambiguous: 01 (1 = case, 0 = control,
        -9 = missing) or 12 (2 = case, 1 = control, 0 and -9 = missing).
    log_traits : traits of which the natural logarithm is analysed; their values must be above 0.
    rint : apply the rank-based inverse normal transform to the traits.
    standardize : standardise the traits to mean 0 and SD 1.

    Raises
    ------
    NotBuiltError
        A method that is not built yet, or a test that the engine does not have.
    """

    method: Method = "auto"
    test: Test = "score"
    engine: Engine = "auto"
    binary_coding: BinaryCoding | None = None
    log_traits: tuple[str, ...] = ()
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
    """Traits, covariates and model of an association scan.

    Parameters
    ----------
    traits : columns to test.
    covariates : columns used as numeric covariates; PC1-PC10 stands for PC1 to PC10.
    categorical : columns used as categorical covariates.
    """

    traits: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScanRequest(AssociationRequest):
    """An association scan and the files written of it.

    Parameters
    ----------
    formats : formats of the results: ssf (GWAS-SSF), parquet (one wide file) or both.
    plots : write pages with Manhattan and QQ plots.
    """

    formats: tuple[ResultFormat, ...] = ("ssf",)
    plots: bool = True

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if not self.formats:
            faults.append("formats = () (expected ssf, parquet or both)")
        return faults
