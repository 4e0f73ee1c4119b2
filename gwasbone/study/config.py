"""``study.toml`` as frozen dataclasses: the keys, their defaults and what they mean.

A section of the file is one class below; the meaning of a key is read from the class's own
docstring, so ``gwasbone config show`` cannot drift from the code. Science is configured here;
threads, memory and the like are flags.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import logging
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from gwasbone.association.options import AssociationOptions
from gwasbone.cohort.options import (
    AncestryOptions,
    PcaOptions,
    QcThresholds,
    RelatednessOptions,
)
from gwasbone.comparison.options import ComparisonRule
from gwasbone.docstrings import parameter_docs
from gwasbone.errors import ConfigError, GwasboneError, NotBuiltError, OptionError
from gwasbone.files import existing_inputs
from gwasbone.images.options import ImageOptions
from gwasbone.learning.options import (
    GenotypeHead,
    GenotypeTraining,
    ImageTraining,
    ResidualOptions,
)
from gwasbone.loci.options import LociOptions, SelectionRule
from gwasbone.options import InputFile, InputPath, Options, option_kinds, part_of
from gwasbone.phenotypes.options import ResidualModel, TableReading
from gwasbone.study import FILE_NAME
from gwasbone.sumstats.options import ColocOptions, LdscOptions, MrOptions

O = TypeVar("O", bound=Options)  # noqa: E741

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StudySection(Options):
    """The study as a whole.

    Parameters
    ----------
    name : heading of the pages.
    build : reference build of the genotypes, GRCh37 or GRCh38.
    output : folder for the results, relative to study.toml.
    """

    name: str = "study"
    build: Literal["GRCh37", "GRCh38"] | None = None
    output: str = "results"


@dataclass(frozen=True, kw_only=True)
class GenotypesSection(Options):
    """Where the genotypes are: exactly one of bfile, pfile, bgen, vcf, bcf and mt.

    Parameters
    ----------
    bfile : prefix (or glob of prefixes) of PLINK .bed, .bim, .fam.
    pfile : prefix (or glob of prefixes) of PLINK 2 .pgen, .pvar, .psam.
    bgen : BGEN file or glob; needs sample unless the file holds the sample IDs itself.
    sample : Oxford .sample file of the BGEN file.
    ref_last : take the last allele of a BGEN variant as the reference, instead of the first.
    vcf : VCF file or glob (plain, gzip or bgzip).
    bcf : BCF file or glob.
    mt : folder of a Hail MatrixTable.
    sex : table with the sex of the samples, which takes precedence over the genotype files.
    id : columns that identify a sample: iid or fid_iid.
    reference_fasta : reference sequence (FASTA with .fai) to left-align the indels of a VCF
        against.
    """

    bfile: InputPath | None = None
    pfile: InputPath | None = None
    bgen: InputPath | None = None
    sample: InputPath | None = None
    ref_last: bool = False
    vcf: InputPath | None = None
    bcf: InputPath | None = None
    mt: InputPath | None = None
    sex: InputPath | None = None
    id: Literal["iid", "fid_iid"] = "iid"
    reference_fasta: InputPath | None = None


@dataclass(frozen=True, kw_only=True)
class PhenotypesSection(TableReading):
    """Tables of participants, in which columns are found by name.

    Parameters
    ----------
    tables : files (TSV, CSV, Parquet) with IID or eid and, optionally, FID.
    """

    tables: tuple[InputPath, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordsSection(Options):
    """Biobank records, from which cases and bone measurements are derived.

    Parameters
    ----------
    table : CSV, TSV or Parquet table in UK Biobank's style; the stage is skipped where not set.
    definition : TOML file with the case definition; osteoporosis, as shipped with the package,
        where not set.
    measurements : table of the bone measurements; the 25 shipped with the package where not set.
    """

    table: InputPath | None = None
    definition: InputPath | None = None
    measurements: InputPath | None = None


@dataclass(frozen=True, kw_only=True)
class ResidualsSection(ResidualOptions):
    """Bone measurements adjusted for sex, age and weight; this stage needs records.

    Parameters
    ----------
    model : model of sex, age and weight: nonlinear (a mixed model), linear, formula, deepnull
        (boosted trees) or transformer (a network that also sees questionnaire answers); the stage
        is skipped where not set.
    """

    model: ResidualModel | None = None  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class ImagesSection(ImageOptions):
    """Bone images, read into a cache of arrays.

    Parameters
    ----------
    dicom : folders or files of DICOM images; the stage is skipped where empty.
    """

    dicom: tuple[InputPath, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CovariatesSection(Options):
    """Covariates of the scans.

    Parameters
    ----------
    quantitative : columns used as numeric covariates; PC1-PC10 stands for PC1 to PC10, and
        principal components that the study computes itself need no table.
    categorical : columns used as categorical covariates.
    """

    quantitative: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AssociationSection(AssociationOptions):
    """Association scans.

    Parameters
    ----------
    traits : columns to test.
    """

    traits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SelectionSection(SelectionRule):
    """Lead variants by blocks of the genome, and the SNPs of bone regions.

    Parameters
    ----------
    region_map : table of the measurements and the body regions of the images that show them; that
        of the package where not set.
    regions : body regions of additional scans, such as "bmd_hip=left_hip,right_hip".
    effects : phenotypes whose means are drawn by genotype at the selected SNPs; those of the scans
        of a region where empty.
    """

    region_map: InputPath | None = None
    regions: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GenotypeModelsSection(GenotypeTraining):
    """Networks that learn the selected SNPs from images; this stage needs images.

    Parameters
    ----------
    head : output layer: categorical (each genotype is a class) or ordinal (genotypes ordered by
        the number of copies of the allele); the stage is skipped where not set.
    """

    head: GenotypeHead | None = None  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class ComparisonSection(ComparisonRule):
    """Comparison of scans of the same disease.

    Parameters
    ----------
    scans : traits of this study's scans, or GWAS-SSF files; the stage is skipped where empty.
    loci : table of loci known from other studies (chromosome, base_pair_location), or "simulated
        truth": truth/causal_variants.tsv beside the simulated genotypes.
    ld_scores : folder of LDSC's LD scores, or "genotypes" to compute them from the samples of this
        study.
    """

    scans: tuple[str, ...] = ()
    loci: Annotated[str, InputFile(words=("simulated truth",))] | None = None
    ld_scores: Annotated[str, InputFile(words=("genotypes",))] | None = None

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if len(self.scans) == 1:
            faults.append("scans: expected two or more to compare, got one")
        return faults


@dataclass(frozen=True, kw_only=True)
class ReportSection(Options):
    """Pages and the report, as they are shared.

    Parameters
    ----------
    small_counts : show images, values and saliency maps of single participants and counts below 5,
        for the analyst's own use; by default no page shows them. Applies to stages that run from
        then on.
    """

    small_counts: bool = False


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A whole ``study.toml``. ``folder`` is where it lies; paths in it are relative to that."""

    study: StudySection = StudySection()
    genotypes: GenotypesSection = GenotypesSection()
    phenotypes: PhenotypesSection = PhenotypesSection()
    records: RecordsSection = RecordsSection()
    residuals: ResidualsSection = field(default_factory=ResidualsSection)
    images: ImagesSection = ImagesSection()
    training: ImageTraining = field(default_factory=ImageTraining)
    covariates: CovariatesSection = CovariatesSection()
    qc: QcThresholds = field(default_factory=QcThresholds)
    ancestry: AncestryOptions = field(default_factory=AncestryOptions)
    relatedness: RelatednessOptions = field(default_factory=RelatednessOptions)
    pca: PcaOptions = field(default_factory=PcaOptions)
    association: AssociationSection = AssociationSection()
    selection: SelectionSection = SelectionSection()
    loci: LociOptions = field(default_factory=LociOptions)
    genotype_models: GenotypeModelsSection = dataclasses.field(
        default_factory=GenotypeModelsSection
    )
    comparison: ComparisonSection = ComparisonSection()
    ldsc: LdscOptions = field(default_factory=LdscOptions)
    mr: MrOptions = field(default_factory=MrOptions)
    coloc: ColocOptions = field(default_factory=ColocOptions)
    report: ReportSection = ReportSection()
    folder: Path = Path()

    @property
    def output(self) -> Path:
        return self.folder / self.study.output

    def path(self, name: str | None) -> str | None:
        """Paths of the file, separated by commas, resolved against its folder.

        Remote ones (``gs://``) stay as they are.
        """
        if name is None:
            return None
        parts = [part.strip() for part in name.split(",")]
        return ",".join(p if "://" in p else str(self.folder / p) for p in parts)

    def input_paths(self) -> list[Path]:
        """The local files and folders that the study names as its inputs and that are there."""
        named = [self.folder / FILE_NAME]
        for section in sections():
            resolved = self.resolved(getattr(self, section))
            for key, kind in option_kinds(type(resolved)).items():
                if kind.file is not None:
                    value = getattr(resolved, key)
                    texts = value if isinstance(value, tuple) else (value,)
                    named += [Path(p) for t in texts if t for p in t.split(",")]
        return existing_inputs(named)

    def resolved(self, options: O) -> O:
        """A section with its paths resolved as in :meth:`path`."""
        changes: dict[str, Any] = {}
        for key, kind in option_kinds(type(options)).items():
            value = getattr(options, key)
            if kind.file is None or value is None or value in kind.file.words:
                continue
            several = isinstance(value, tuple)
            changes[key] = tuple(map(self.path, value)) if several else self.path(value)
        return dataclasses.replace(options, **changes)  # type: ignore[type-var]

    def with_small_counts(self, allowed: bool) -> StudyConfig:
        """The study with ``report.small_counts`` on where ``allowed``, else as it is."""
        if not allowed:
            return self
        return dataclasses.replace(self, report=ReportSection(small_counts=True))

    def section_values(self, name: str) -> dict[str, Any]:
        """The keys and values of one section."""
        return dataclasses.asdict(getattr(self, name))


def sections() -> dict[str, type[Options]]:
    """Section name -> its class, in the order of the file."""
    hints = typing.get_type_hints(StudyConfig)
    return {name: kind for name, kind in hints.items() if name != "folder"}


def load_config(path: Path) -> StudyConfig:
    """Read and check ``study.toml``.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or has unknown keys, or values that the options refuse;
        all faults are listed.
    NotBuiltError
        All that is wrong is that a method is not built yet.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `gwasbone config show` prints one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    faults: list[str] = []
    unbuilt: list[str] = []
    known = sections()
    values: dict[str, Any] = {}
    for name, content in raw.items():
        if name not in known:
            faults.append(f"unknown section [{name}]{_nearest(name, known)}")
        elif not isinstance(content, dict):
            faults.append(f"{name} must be a section, [{name}]")
        else:
            values[name] = _section(known[name], name, content, faults, unbuilt)
    genotypes = values.get("genotypes", GenotypesSection())
    given = [
        k
        for k in ("bfile", "pfile", "bgen", "vcf", "bcf", "mt")
        if getattr(genotypes, k) is not None
    ]
    if len(given) != 1 and not any(fault.startswith("genotypes") for fault in faults):
        faults.append(
            "[genotypes] needs exactly one of bfile, pfile, bgen, vcf, bcf and mt, has "
            f"{' and '.join(given) or 'none'}"
        )
    if faults:
        kind = NotBuiltError if faults == unbuilt else ConfigError
        raise kind(f"{path}: " + "; ".join(faults))
    return StudyConfig(**values, folder=path.parent)


#: Keys of earlier versions, by section -> what they are called now.
RENAMED_KEYS = {
    ("qc", "person_call_rate"): "sample_call_rate",
    ("training", "saliency_people"): "saliency_participants",
    ("genotype_models", "saliency_people"): "saliency_participants",
}


def _section(
    kind: type[Options], name: str, content: dict[str, Any], faults: list[str], unbuilt: list[str]
) -> Any:
    kinds = option_kinds(kind)
    good = {}
    for key, value in content.items():
        if now := RENAMED_KEYS.get((name, key)):
            if now in content:
                faults.append(f"{name}: has both {now} and its earlier name {key}: keep {now}")
            else:
                log.warning("%s.%s is called %s.%s now: rename the key", name, key, name, now)
            key = now
        if key not in kinds:
            faults.append(f"unknown key {name}.{key}{_nearest(key, kinds)}")
        elif kinds[key].mistyped(taken := kinds[key].coerced(value)):
            faults.append(f"{name}.{key}: expected {kinds[key].words}, got {value!r}")
        else:
            good[key] = taken
    try:
        return kind(**good)
    except OptionError as error:
        faults.append(f"[{name}] {', '.join(error.faults)}")
    except GwasboneError as error:
        faults.append(f"[{name}] {error}")
        if isinstance(error, NotBuiltError):
            unbuilt.append(faults[-1])
    return kind()


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"


def show_config(config: StudyConfig) -> str:
    """All keys with their values in effect and their meaning, as TOML that can be loaded again."""
    lines: list[str] = []
    for name, kind in sections().items():
        summary = (kind.__doc__ or "").strip().splitlines()[0]
        lines += [f"# {summary}", f"[{name}]"]
        docs = parameter_docs(kind)
        values = config.section_values(name)
        for key in option_kinds(kind):
            value = values[key]
            lines += [f"# {line}" for line in docs[key].splitlines()]
            lines.append(f"# {key} =" if value is None else f"{key} = {toml_value(value)}")
        lines.append("")
    return "\n".join(lines)


def toml_value(value: Any) -> str:
    """A plain value as TOML spells it.

    >>> toml_value(("a", "b")), toml_value(True), toml_value(1e-05)
    ('["a", "b"]', 'true', '1e-05')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_value(k)} = {toml_value(v)}" for k, v in value.items())
        return f"{{{inside}}}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, str):
        # JSON escapes what TOML does, but for the delete character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def study_reading(config: StudyConfig) -> TableReading:
    """How the study's tables of participants are read, paths resolved."""
    return part_of(TableReading, config.resolved(config.phenotypes))
