"""``study.toml`` as frozen dataclasses: the keys, their defaults and what they mean.

A section of the file is one class below; the meaning of a key is read from the class's own
docstring, so ``gwasbone config show`` cannot drift from the code. Science is configured here;
threads, memory and the like are flags.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import tomllib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gwasbone.cohort.qc import QcThresholds
from gwasbone.docstrings import parameter_docs
from gwasbone.errors import ConfigError, GwasboneError, UsageError
from gwasbone.files import existing_inputs

FILE_NAME = "study.toml"


@dataclass(frozen=True, kw_only=True)
class StudySection:
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
class GenotypesSection:
    """Where the genotypes are: exactly one of bfile, bgen, vcf and mt.

    Parameters
    ----------
    bfile : prefix (or glob of prefixes) of PLINK .bed, .bim, .fam.
    bgen : BGEN v1.2 file or glob; needs sample.
    sample : the .sample file of the BGEN.
    vcf : VCF file or glob (plain, gzip or bgzip).
    mt : folder of a Hail MatrixTable.
    id : which ID names a person, iid or fid_iid.
    reference_fasta : reference sequence (with .fai) to left-align a VCF's indels against.
    """

    bfile: str | None = None
    bgen: str | None = None
    sample: str | None = None
    vcf: str | None = None
    mt: str | None = None
    id: Literal["iid", "fid_iid"] = "iid"
    reference_fasta: str | None = None


@dataclass(frozen=True, kw_only=True)
class PhenotypesSection:
    """Tables of people, searched for a column by name.

    Parameters
    ----------
    tables : files (TSV, CSV, Parquet) with IID and, optionally, FID.
    """

    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordsSection:
    """A biobank's table of records, made into cases and bone measurements.

    Parameters
    ----------
    table : CSV, TSV or Parquet in UK Biobank's style; the section is left out where not set.
    definition : TOML file that says who is a case; the package's osteoporosis by default.
    measurements : table of the bone measurements; the package's 25 by default.
    """

    table: str | None = None
    definition: str | None = None
    measurements: str | None = None


@dataclass(frozen=True, kw_only=True)
class ResidualsSection:
    """Bone measurements with sex, age and weight taken out; needs records.

    Parameters
    ----------
    model : nonlinear, linear or deepnull; the section is left out where not set.
    """

    model: Literal["nonlinear", "linear", "deepnull"] | None = None


@dataclass(frozen=True, kw_only=True)
class ImagesSection:
    """Bone images, read to a cache of arrays.

    Parameters
    ----------
    dicom : folders or files; the section is left out where empty.
    size : side of the cached pictures in pixels; 672 is the paper's, 224 for genotype models.
    scale : size of the pictures against the scanner's own; crops shrink with it.
    mirror : side whose hips, knees and forearms are flipped to look like the other's: left, right
        or none.
    """

    dicom: tuple[str, ...] = ()
    size: int = 672
    scale: float = 1.0
    mirror: Literal["left", "right", "none"] = "none"

    def __post_init__(self) -> None:
        _refuse_outside(self, size=(16, 4096), scale=(0.01, 1))


@dataclass(frozen=True, kw_only=True)
class TrainingSection:
    """Networks that predict cases from images, out of fold: cnn_prob; needs images.

    Parameters
    ----------
    regions : such as ap_spine and hip; several are stacked. The section is left out where empty.
    task : the 0/1 column to predict: case of the records, or of a phenotype table.
    backend : what computes: keras, or another that is installed.
    architecture : small, efficientnet_v2_s, efficientnet_b0 or another of keras.applications;
        by default the paper's efficientnet_v2_s with an accelerator, small without.
    weights : random, or a file of weights.
    size : side of the pictures that the network sees; what suits the architecture by default.
    epochs : at most.
    batch_size : pictures per step.
    learning_rate : of Adam.
    patience : epochs without a lower validation loss before training stops.
    folds : models; each predicts the people it never saw.
    saliency : whether maps are made of where the networks look.
    seed : of folds and networks.
    """

    regions: tuple[str, ...] = ()
    task: str = "case"
    backend: str = "keras"
    architecture: str | None = None
    weights: str = "random"
    size: int | None = None
    epochs: int = 50
    batch_size: int = 12
    learning_rate: float = 5e-4
    patience: int = 8
    folds: int = 5
    saliency: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        _refuse_outside(
            self, epochs=(1, math.inf), batch_size=(1, math.inf), patience=(1, math.inf),
            folds=(2, math.inf),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CovariatesSection:
    """Covariates of the scans.

    Parameters
    ----------
    quantitative : columns used as numbers; PC1-PC10 expands, and principal components that the
        study computes itself need no table.
    categorical : columns used as categories.
    """

    quantitative: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AncestrySection:
    """The ancestry filter; left out where column is not set.

    Parameters
    ----------
    column : the column of a phenotype table with the reported ethnic background.
    reference : the backgrounds whose mean and SD define the centre.
    n_components : principal components in the squared deviation.
    radius : keep people whose squared deviation is below radius squared.
    scores : columns with principal components that exist already, such as PC1-PC6; computed from
        the genotypes where empty.
    """

    column: str | None = None
    reference: tuple[str, ...] = ("British", "Irish")
    n_components: int = 6
    radius: float = 7.0
    scores: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_outside(self, n_components=(1, math.inf), radius=(0, math.inf))


@dataclass(frozen=True, kw_only=True)
class RelatednessSection:
    """Removal of close relatives.

    Parameters
    ----------
    remove : whether to keep only a maximal set of unrelated people.
    method : king (fast, robust to ancestry) or pc_relate.
    min_kinship : pairs above this kinship are related; 0.0442 is the third degree and closer,
        0.0884 the second, 0.177 the first.
    keep_cases_of : a 0/1 column: where one of a pair has to go, keep the case.
    r2 : the variants used are pruned until no pair within pca.window has a higher squared
        correlation; kinship needs many variants, so this is looser than for components.
    """

    remove: bool = True
    method: Literal["king", "pc_relate"] = "king"
    min_kinship: float = 0.0884
    keep_cases_of: str | None = None
    r2: float = 0.5

    def __post_init__(self) -> None:
        _refuse_outside(self, min_kinship=(0, 0.5))


@dataclass(frozen=True, kw_only=True)
class PcaSection:
    """Principal components of the kept people.

    Parameters
    ----------
    n_components : how many.
    maf : least minor-allele frequency of the variants used.
    window : pruning window, in kilobases (500kb) or in variants (500, with step).
    step : by how many variants the window moves; only where it is counted in variants.
    r2 : variants of a window are pruned until no pair has a higher squared correlation.
    """

    n_components: int = 10
    maf: float = 0.05
    window: str = "500kb"
    step: int | None = None
    r2: float = 0.1

    def __post_init__(self) -> None:
        _refuse_outside(self, n_components=(1, math.inf), maf=(0, 0.5), r2=(0, 1))


@dataclass(frozen=True, kw_only=True)
class AssociationSection:
    """The scans.

    Parameters
    ----------
    traits : columns to scan.
    method : linear or logistic for every trait (wgr is not built yet); auto takes logistic for
        traits coded 0/1 or 1/2 and linear for the others.
    test : test of the logistic scans: score (with Firth's test below p = 0.05), firth, spa (with a
        saddlepoint p there), wald, lrt.
    engine : hail (Hail's own methods), blocks (.bed and BGEN files read directly, no JVM) or auto
        (blocks where it can).
    binary_coding : what 0, 1, 2 or -9 of a case-control trait mean where that is not plain: 01
        (1 = case, -9 missing) or 12 (2 = case, 1 = control, 0 and -9 missing).
    rint : rank-inverse-normal transform of the traits.
    standardize : scale the traits to mean 0 and SD 1.
    """

    traits: tuple[str, ...] = ()
    method: Literal["auto", "linear", "logistic", "wgr"] = "auto"
    test: Literal["score", "firth", "spa", "wald", "lrt"] = "score"
    engine: Literal["auto", "blocks", "hail"] = "auto"
    binary_coding: Literal["01", "12"] | None = None
    rint: bool = False
    standardize: bool = False


@dataclass(frozen=True, kw_only=True)
class SelectionSection:
    """Lead variants by blocks of the genome, and the SNPs of bone regions.

    Parameters
    ----------
    p_threshold : a block needs a p-value below this.
    block_bp : length of a block in bp.
    max_blocks : how many blocks, the smallest p-values first: of each scan, and of each region.
    best_of : of what the best blocks are selected for the regions: region (over all its scans),
        measurement (over the scans of one bone density) or scan.
    window_bp : peaks at most this far apart can be one SNP.
    r2 : peaks with at least this squared correlation are one SNP.
    region_map : table of measurements and the regions of the images that show them; the package's
        by default.
    regions : further scans in regions, such as "bmd_hip=left_hip,right_hip".
    effects : phenotypes drawn by genotype at the selected SNPs; those of the scans that a region
        has where empty.
    """

    p_threshold: float = 1e-5
    block_bp: int = 1_000_000
    max_blocks: int = 12
    best_of: Literal["region", "measurement", "scan"] = "region"
    window_bp: int = 10_000_000
    r2: float = 0.9
    region_map: str | None = None
    regions: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_outside(
            self, p_threshold=(0, 1), block_bp=(1, math.inf), max_blocks=(1, math.inf),
            window_bp=(0, math.inf), r2=(0, 1),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LociSection:
    """Loci of the scans: clumps by LD in the study's own people, merged, with genes near them.

    Parameters
    ----------
    p1 : a clump's index variant has p of at most this.
    p2 : its members have p below this.
    r2 : and r2 with the index above this.
    kb : and are nearer to it than so many kilobases.
    merge_kb : clumps that are at most so many kilobases apart make one locus.
    genes : GTF file or table of genes on the study's build; no gene columns where not set.
    genes_build : GRCh37 or GRCh38, where the file does not tell.
    all_genes : also genes that are not protein-coding, where the file tells.
    window_kb : genes within so many kilobases of a lead are listed and drawn.
    genetic_map : table of recombination rates to draw behind regional plots.
    regional_plots : how many loci are drawn, the strongest first.
    """

    p1: float = 5e-8
    p2: float = 1e-2
    r2: float = 0.1
    kb: float = 250.0
    merge_kb: float = 250.0
    genes: str | None = None
    genes_build: Literal["GRCh37", "GRCh38"] | None = None
    all_genes: bool = False
    window_kb: float = 500.0
    genetic_map: str | None = None
    regional_plots: int = 6

    def __post_init__(self) -> None:
        _refuse_outside(
            self, p1=(0, 1), p2=(0, 1), r2=(0, 1), kb=(0, math.inf), merge_kb=(0, math.inf),
            window_kb=(0, math.inf), regional_plots=(0, math.inf),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GenotypeModelsSection:
    """Networks that learn the selected SNPs from images; needs images.

    Parameters
    ----------
    head : categorical (each genotype a class) or ordinal; the section is left out where not set.
    regions : of the selected SNPs' regions, those to learn; all where empty.
    pretrain : start from networks that tell sex.
    permutations : networks per SNP that are trained on shuffled labels, at most.
    stop_at : a SNP's permutations end when so many reach its AUC.
    min_per_class : people that a genotype needs; fewer homozygotes join the heterozygotes.
    strata : labels are shuffled within so many parts of PC1, each in as many of PC2.
    covariates : of the baseline; sex, age, weight and PC1-PC10 as far as there are where empty.
    backend : what computes: keras, or another that is installed.
    architecture : by default the paper's efficientnet_b0 with an accelerator, small without.
    size : side of the pictures that the network sees; what suits the architecture by default.
    epochs : at most.
    batch_size : pictures per step.
    learning_rate : of Adam.
    patience : epochs without a lower validation loss before training stops.
    folds : models per SNP; each predicts the people it never saw.
    seed : of folds, networks and permutations.
    """

    head: Literal["categorical", "ordinal"] | None = None
    regions: tuple[str, ...] = ()
    pretrain: bool = True
    permutations: int = 199
    stop_at: int = 10
    min_per_class: int = 30
    strata: int = 4
    covariates: tuple[str, ...] = ()
    backend: str = "keras"
    architecture: str | None = None
    size: int | None = None
    epochs: int = 50
    batch_size: int = 12
    learning_rate: float = 5e-4
    patience: int = 8
    folds: int = 5
    seed: int = 1

    def __post_init__(self) -> None:
        _refuse_outside(
            self, permutations=(0, math.inf), stop_at=(1, math.inf), min_per_class=(1, math.inf),
            strata=(1, math.inf), epochs=(1, math.inf), batch_size=(1, math.inf),
            patience=(1, math.inf), folds=(2, math.inf),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ComparisonSection:
    """Scans of one disease compared with one another.

    Parameters
    ----------
    scans : traits of this study's scans, or GWAS-SSF files; the section is left out where empty.
    loci : table of loci known from other studies (chromosome, position_bp), or "simulated truth":
        truth/causal_variants.tsv beside the simulated genotypes.
    ld_scores : folder of LDSC's LD scores, or "genotypes": made of the study's own people.
    fdr : false-discovery rate at which loci are counted.
    lead_p : leads, looked up in the other scans, have p below this.
    """

    scans: tuple[str, ...] = ()
    loci: str | None = None
    ld_scores: str | None = None
    fdr: float = 0.05
    lead_p: float = 5e-8

    def __post_init__(self) -> None:
        _refuse_outside(self, fdr=(0, 1), lead_p=(0, 1))
        if len(self.scans) == 1:
            raise UsageError("scans: expected two or more to compare, got one")


def _refuse_outside(section: Any, **ranges: tuple[float, float]) -> None:
    """Raise, with all faults, where a number lies outside its range."""
    faults = [
        f"{name} = {value} (expected {least:g} to {most:g})"
        for name, (least, most) in ranges.items()
        if not least <= (value := getattr(section, name)) <= most
    ]
    if faults:
        raise UsageError(f"out of range: {', '.join(faults)}")


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A whole ``study.toml``. ``folder`` is where it lies; paths in it are relative to that."""

    study: StudySection = StudySection()
    genotypes: GenotypesSection = GenotypesSection()
    phenotypes: PhenotypesSection = PhenotypesSection()
    records: RecordsSection = RecordsSection()
    residuals: ResidualsSection = ResidualsSection()
    images: ImagesSection = ImagesSection()
    training: TrainingSection = TrainingSection()
    covariates: CovariatesSection = CovariatesSection()
    qc: QcThresholds = dataclasses.field(default_factory=QcThresholds)
    ancestry: AncestrySection = AncestrySection()
    relatedness: RelatednessSection = RelatednessSection()
    pca: PcaSection = PcaSection()
    association: AssociationSection = AssociationSection()
    selection: SelectionSection = SelectionSection()
    loci: LociSection = LociSection()
    genotype_models: GenotypeModelsSection = GenotypeModelsSection()
    comparison: ComparisonSection = ComparisonSection()
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
        for section, keys in _PATHS.items():
            values = self.section_values(section)
            for key in keys:
                texts = values[key] if isinstance(values[key], tuple) else (values[key],)
                named += [Path(p) for t in texts if t for p in str(self.path(t)).split(",")]
        return existing_inputs(named)

    def section_values(self, name: str) -> dict[str, Any]:
        """The keys and values of one section."""
        return dataclasses.asdict(getattr(self, name))

    def resolved(self, name: str) -> dict[str, Any]:
        """The keys and values of one section, paths resolved against the study's folder."""
        values = self.section_values(name)
        for key in _PATHS.get(name, ()):
            value = values[key]
            if isinstance(value, tuple):
                values[key] = tuple(str(self.path(part)) for part in value)
            elif value not in _NOT_PATHS:
                values[key] = self.path(value)
        return values


#: Keys whose values are paths of inputs.
_PATHS = {
    "genotypes": ("bfile", "bgen", "sample", "vcf", "mt", "reference_fasta"),
    "phenotypes": ("tables",),
    "records": ("table", "definition", "measurements"),
    "images": ("dicom",),
    "training": ("weights",),
    "selection": ("region_map",),
    "loci": ("genes", "genetic_map"),
    "comparison": ("loci", "ld_scores"),
}

#: Values of these keys that stand for themselves.
_NOT_PATHS = ("random", "genotypes", "simulated truth")


def sections() -> dict[str, type]:
    """Section name -> its class, in the order of the file."""
    hints = typing.get_type_hints(StudyConfig)
    return {name: kind for name, kind in hints.items() if name != "folder"}


def find_study(folder: Path | None = None) -> Path | None:
    """The ``study.toml`` of the current folder (or of ``folder``), if there is one."""
    path = (folder or Path.cwd()) / FILE_NAME
    return path if path.is_file() else None


def load_config(path: Path) -> StudyConfig:
    """Read and check ``study.toml``.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or has unknown keys or values of the wrong type; all
        faults are listed.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `gwasbone config show` prints one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    faults: list[str] = []
    known = sections()
    values: dict[str, Any] = {}
    for name, content in raw.items():
        if name not in known:
            faults.append(f"unknown section [{name}]{_nearest(name, known)}")
        elif not isinstance(content, dict):
            faults.append(f"{name} must be a section, [{name}]")
        else:
            values[name] = _section(known[name], name, content, faults)
    genotypes = values.get("genotypes", GenotypesSection())
    given = [k for k in ("bfile", "bgen", "vcf", "mt") if getattr(genotypes, k) is not None]
    if len(given) != 1 and not any(fault.startswith("genotypes") for fault in faults):
        faults.append(
            "[genotypes] needs exactly one of bfile, bgen, vcf and mt, has "
            f"{' and '.join(given) or 'none'}"
        )
    if faults:
        raise ConfigError(f"{path}: " + "; ".join(faults))
    return StudyConfig(**values, folder=path.parent)


def _section(kind: type, name: str, content: dict[str, Any], faults: list[str]) -> Any:
    hints = typing.get_type_hints(kind)
    good = {}
    for key, value in content.items():
        if key not in hints:
            faults.append(f"unknown key {name}.{key}{_nearest(key, hints)}")
            continue
        try:
            good[key] = _coerce(value, hints[key])
        except ValueError as error:
            faults.append(f"{name}.{key}: expected {error}, got {value!r}")
    try:
        return kind(**good)
    except (GwasboneError, ValueError) as error:
        faults.append(f"[{name}] {error}")
        return kind()


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"


def _coerce(value: Any, kind: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            if option is not type(None):
                return _coerce(value, option)
    if origin is Literal:
        if value in arguments:
            return value
        raise ValueError(" or ".join(map(str, arguments)))
    if origin is tuple:
        if isinstance(value, list) and all(isinstance(v, arguments[0]) for v in value):
            return tuple(value)
        raise ValueError("a list of text")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise ValueError(
        {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}[
            kind.__name__
        ]
    )


def show_config(config: StudyConfig) -> str:
    """All keys with their values in effect and their meaning, as TOML that can be loaded again."""
    lines: list[str] = []
    for name, kind in sections().items():
        summary = (kind.__doc__ or "").strip().splitlines()[0]
        lines += [f"# {summary}", f"[{name}]"]
        docs = parameter_docs(kind)
        for key, value in config.section_values(name).items():
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
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, str):
        # JSON escapes what TOML does, but for the delete character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
