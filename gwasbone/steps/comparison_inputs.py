"""What the comparison of a study reads: which files its section of ``study.toml`` names.

Apart from the step itself, since every command in a study folder asks for these.
"""

from __future__ import annotations

from pathlib import Path

from gwasbone.association.result_files import trait_stem
from gwasbone.errors import ConfigError
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import SCAN
from gwasbone.sumstats.ssf_write import SsfPaths

#: What stands for a file in the section.
SIMULATED_TRUTH, GENOTYPES = "simulated truth", "genotypes"
_CAUSAL = Path("truth") / "causal_variants.tsv"


def compared_scans(config: StudyConfig) -> dict[str, Path]:
    """The scans to compare by name: files that are named, and the study's own scans."""
    named = {}
    for name in config.comparison.scans:
        path = config.folder / name
        if name in config.association.traits or not path.exists():
            path = SsfPaths.of(trait_stem(config.output / "scans" / SCAN, name)).data
        named[name] = path
    return named


def loci_file(config: StudyConfig) -> Path | None:
    """The table of known loci; of a simulation that of its causal variants.

    Raises
    ------
    ConfigError
        There is no simulated truth beside the genotypes.
    """
    name = config.comparison.loci
    if name != SIMULATED_TRUTH:
        return Path(str(config.path(name))) if name is not None else None
    genotypes = config.genotypes.bfile or config.genotypes.vcf or config.genotypes.bgen
    path = Path(str(config.path(genotypes or ""))).parent / _CAUSAL
    if not path.exists():
        raise ConfigError(
            f"comparison.loci = {SIMULATED_TRUTH!r}: expected {path}, which `gwasbone simulate` "
            "writes; give a table of loci"
        )
    return path


def comparison_files(config: StudyConfig) -> list[str]:
    """Files from outside the study that the comparison reads."""
    if not config.comparison.scans:
        return []
    own = config.output / "scans"
    paths = [path for path in compared_scans(config).values() if path.parent != own]
    loci = loci_file(config)
    if loci is not None:
        paths.append(loci)
    if config.comparison.ld_scores not in (None, GENOTYPES):
        paths.append(Path(str(config.path(config.comparison.ld_scores))))
    return [str(path) for path in paths]
