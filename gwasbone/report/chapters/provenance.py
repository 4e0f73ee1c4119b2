"""The chapter of provenance: versions, inputs and options that reproduce the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gwasbone.plots import disclosure
from gwasbone.report import Chapter, Column, Part, Table
from gwasbone.report.chapters.columns import columns_of
from gwasbone.report.chapters.findings import Findings, counted, listed
from gwasbone.report.document import Listing
from gwasbone.study.config import sections, show_config


@dataclass(frozen=True)
class Age:
    """Whether results are those of the study as it is now.

    Parameters
    ----------
    stale : finished stages that would run again.
    unknown : why that cannot be told; empty where it can.
    """

    stale: tuple[str, ...]
    unknown: str = ""

    def said(self) -> str:
        if self.unknown:
            return f"Whether they are up to date cannot be told: {self.unknown}."
        if self.stale:
            return (
                f"Not up to date: {listed(list(self.stale))}; this report shows what they left "
                "when they last ran."
            )
        return "All of them are up to date with study.toml and its input files."


def provenance_chapter(findings: Findings, age: Age) -> Chapter:
    """Stages, versions, inputs, seeds, warnings and the options in effect."""
    records = findings.records
    seconds = sum(record["seconds"] for record in records.values())
    said = [
        f"{counted(len(records), 'stage')} took {_time(seconds)} in all.",
        age.said(),
        _seeds(findings),
    ]
    blocks = [_stages(findings), _versions(findings), _inputs(findings)]
    parts = [Part(heading="Stages, versions and inputs", blocks=tuple(filter(None, blocks)))]
    said.append(_small_counts(findings))
    warned = _warnings(findings)
    if warned is None:
        said.append("No stage gave a warning.")
    else:
        parts.append(Part(heading="Warnings", blocks=(warned,)))
    options = Listing(heading="study.toml in effect", text=show_config(findings.config))
    parts.append(Part(heading="Options", blocks=(options,)))
    return Chapter(
        name="provenance",
        title="Provenance",
        sentences=tuple(filter(None, said)),
        parts=tuple(parts),
    )


def _small_counts(findings: Findings) -> str:
    if disclosure.small_counts_allowed():
        return (
            "This report may show single participants and counts below "
            f"{disclosure.MIN_COUNT}: it is not to be shared."
        )
    said = (
        f"No single participant and no count of {disclosure.FEWER} participants is shown: such "
        f"cells read {disclosure.BELOW}, and cells that would give them away {disclosure.WITHHELD}."
    )
    withheld = [name for name in findings.stages if name in findings.withheld]
    if withheld:
        said += (
            f" Figures of {listed(withheld)} are left out: they were drawn with small counts, and "
            "are drawn without by running the stage again."
        )
    return said


def _stages(findings: Findings) -> Table:
    rows = pd.DataFrame(
        [
            {
                "stage": name,
                "started": record["started"][:19].replace("T", " "),
                "seconds": float(record["seconds"]),
                "summary": record["summary"],
            }
            for name, record in findings.records.items()
        ]
    )
    columns: tuple[Column, ...] = (
        Column(name="stage", label="Stage"),
        Column(name="started", label="Started"),
        Column(name="seconds", label="Time", unit="s", kind="number"),
        Column(name="summary", label="Summary"),
    )
    if not disclosure.small_counts_allowed():
        # two counts in a sentence can give away a small one
        columns, rows = columns[:-1], rows.drop(columns="summary")
    return Table(caption="Stages", rows=rows, columns=columns, file_name="stages")


def _versions(findings: Findings) -> Table:
    by_version: dict[tuple[str, str], list[str]] = {}
    for stage, record in findings.records.items():
        for package, version in record["versions"].items():
            by_version.setdefault((package, version), []).append(stage)
    everywhere = len(findings.records)
    rows = pd.DataFrame(
        [
            {
                "package": package,
                "version": version,
                "stages": "all" if len(stages) == everywhere else ", ".join(stages),
            }
            for (package, version), stages in sorted(by_version.items())
        ]
    )
    columns = columns_of(rows)
    return Table(caption="Versions", rows=rows, columns=columns, file_name="versions")


def _inputs(findings: Findings) -> Table | None:
    users: dict[tuple[str, str], list[str]] = {}
    for stage, record in findings.records.items():
        for path, digest in record["made_from"]["inputs"].items():
            users.setdefault((path, digest), []).append(stage)
    if not users:
        return None
    rows = pd.DataFrame(
        [
            {"file": path, "sha256": digest, "stages": ", ".join(stages)}
            for (path, digest), stages in users.items()
        ]
    )
    columns = (
        Column(name="file", label="Input"),
        Column(name="sha256", label="SHA-256", meaning="of a folder: of its files and their names"),
        Column(name="stages", label="Read by"),
    )
    return Table(caption="Input files", rows=rows, columns=columns, file_name="inputs")


def _warnings(findings: Findings) -> Table | None:
    rows = pd.DataFrame(
        [
            {"stage": stage, "warning": text}
            for stage, record in findings.records.items()
            for text in record.get("warnings", [])
        ]
    )
    if rows.empty:
        return None
    if not disclosure.small_counts_allowed():
        # the text of a warning can name or count single participants
        rows = rows.groupby("stage", sort=False).size().rename("warnings").reset_index()
        notes = ("The text of the warnings is in the log of the stages, gwasbone.run.log.",)
        return Table(
            caption="Number of warnings by stage", rows=rows, columns=columns_of(rows),
            file_name="warnings", notes=notes,
        )  # fmt: skip
    return Table(caption="Warnings", rows=rows, columns=columns_of(rows), file_name="warnings")


def _seeds(findings: Findings) -> str:
    named = [f"{name} = {value}" for name, value in _seed_options(findings)]
    return f"Seeds: {listed(named)}." if named else ""


def _seed_options(findings: Findings) -> Iterator[tuple[str, Any]]:
    for section in sections():
        for key, value in findings.config.section_values(section).items():
            if key == "seed" or key.endswith("_seed"):
                yield f"{section}.{key}", value


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
