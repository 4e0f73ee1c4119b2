"""The YAML sidecar of a GWAS-SSF file: what was analysed, in whom, and with what.

References
----------
GWAS-SSF v1.0, Table 2 (EBISPOT/gwas-summary-statistics-standard).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from gwasbone import __version__
from gwasbone.errors import UsageError
from gwasbone.genome import BUILDS

FILE_TYPE = "GWAS-SSF v1.0"

#: What a user may add to the sidecar, over what a scan knows of itself.
STUDY_FIELDS = frozenset(
    {
        "author_notes", "trait_description", "ontology_mapping", "genotyping_technology",
        "imputation_panel", "imputation_software", "sex", "sample_ancestry_category",
        "sample_ancestry", "ancestry_method", "minor_allele_freq_lower_limit",
    }
)  # fmt: skip


def ssf_metadata(
    *,
    trait: str,
    build: str,
    provenance: Mapping[str, Any],
    study: Mapping[str, Any] | None,
    n_people: int,
    data_file_name: str,
    data_file_md5sum: str,
) -> dict[str, Any]:
    """The sidecar's fields in the order of the Catalog's own files.

    What nobody stated is ``NR`` (not reported), as the Catalog writes it.

    Parameters
    ----------
    trait, build, provenance, study : as in ``write_ssf``.
    n_people : the sample size, the largest ``n`` of the data file.
    data_file_name, data_file_md5sum : of the data file as written.
    """
    study = dict(study or {})
    if unknown := set(study) - STUDY_FIELDS:
        raise UsageError(
            f"GWAS-SSF sidecar: unknown field {', '.join(sorted(unknown))}; "
            f"expected some of {', '.join(sorted(STUDY_FIELDS))}"
        )
    about = provenance.get("traits", {}).get(trait, {})
    samples: dict[str, Any] = {
        "sample_ancestry_category": _listed(study.pop("sample_ancestry_category", "NR")),
        "sample_size": n_people,
    }
    for field in ("sample_ancestry", "ancestry_method"):
        if field in study:
            samples[field] = _listed(study.pop(field))
    samples["case_control_study"] = "n_cases" in about
    if "n_cases" in about:
        samples["case_count"] = int(about["n_cases"])
        samples["control_count"] = int(about["n_controls"])
    unit = "log odds" if provenance.get("method") == "logistic" else "units of the trait"
    if "n_cases" in about and provenance.get("method") == "linear":
        unit = "difference in risk"
    fields = {
        "author_notes": f"beta: {unit} per copy of effect_allele, which is the ALT allele",
        "date_metadata_last_modified": date.today(),
        "trait_description": [str(about.get("description", trait))],
        "genome_assembly": build,
        "coordinate_system": "1-based",
        "genotyping_technology": ["NR"],
        "samples": [samples],
        "sex": "NR",
        "data_file_name": data_file_name,
        "file_type": FILE_TYPE,
        "data_file_md5sum": data_file_md5sum,
        "analysis_software": _software(provenance),
        "adjusted_covariates": [str(name) for name in provenance.get("covariates", ())],
        "is_harmonised": False,
        "is_sorted": True,
    }
    lists = {"trait_description", "ontology_mapping", "genotyping_technology"}
    fields |= {name: _listed(value) if name in lists else value for name, value in study.items()}
    return fields


def sidecar_build(data_file: str | Path) -> str | None:
    """The build that the sidecar of a GWAS-SSF file names; None without one, or where it is odd."""
    try:
        fields = yaml.safe_load(Path(f"{data_file}-meta.yaml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    build = fields.get("genome_assembly") if isinstance(fields, dict) else None
    return build if build in BUILDS else None


def sidecar_text(fields: Mapping[str, Any]) -> str:
    """The fields as YAML, in their order."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(dict(fields), Dumper=dumper, sort_keys=False, allow_unicode=True)
    return text


def _software(provenance: Mapping[str, Any]) -> str:
    """Names and versions, the settings of the scan in brackets."""
    versions = {"gwasbone": __version__, **provenance.get("versions", {})}
    settings = [str(provenance[key]) for key in ("method", "test", "engine") if provenance.get(key)]
    names = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{names} ({', '.join(settings)})" if settings else names


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in value]
