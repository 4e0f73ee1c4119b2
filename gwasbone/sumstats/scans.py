"""Scans from files: whatever their format, one function opens them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.columns import one_or_several
from gwasbone.errors import InputError, UsageError, reads
from gwasbone.sumstats.checks import SetAside
from gwasbone.sumstats.formats import TEXT_FORMATS
from gwasbone.sumstats.formats.gwas_vcf import is_gwas_vcf, open_gwas_vcf
from gwasbone.sumstats.formats.parquet import (
    is_results_folder,
    open_parquet,
    open_results_folder,
)
from gwasbone.sumstats.formats.text_format import places_in
from gwasbone.sumstats.scan import (
    FrameScan,
    ReadRequest,
    Scan,
    ScanPiece,
    Scans,
    checked,
)
from gwasbone.text_files import within_limit
from gwasbone.text_table import TextTable

log = logging.getLogger(__name__)

#: Endings of files that stand beside a scan and are none.
_BESIDE = (".untested.tsv.gz", "-meta.yaml", ".html", ".log", ".json", ".Ydict", ".tbi", ".csi")
_SCAN_ENDINGS = (
    ".tsv", ".parquet", ".regenie", ".linear", ".logistic", ".hybrid", ".firth", ".fastGWA",
    ".mlma", ".tbl", ".TBL", ".sumstats", ".stats", ".saige", ".SAIGE", ".txt", ".vcf",
)  # fmt: skip


def is_beside_a_scan(path: Path) -> bool:
    """Whether a file is what a glob of a scan's output also matches: sidecars, pages, logs.

    >>> is_beside_a_scan(Path("scan.bmd.untested.tsv.gz")), is_beside_a_scan(Path("a.tsv.gz"))
    (True, False)
    """
    return path.name.endswith(_BESIDE)


def open_scans(
    paths: str | Sequence[Path | str],
    *,
    traits: str | Sequence[str] | None = None,
    names: str | Sequence[str] | None = None,
    positions: Positions | None = None,
) -> Scans:
    """Open the scans in files and folders.

    Parameters
    ----------
    paths : summary statistics as GWAS-SSF (ours or the Catalog's), REGENIE, PLINK 2, BOLT-LMM,
        SAIGE, fastGWA, METAL, LDSC, FinnGen or GWAS-VCF, plain or compressed; Parquet of one
        trait or of many; the folder of a run's results; or a folder of such files. The format is
        told by the columns. Sidecars and tables of untested variants are passed over.
    traits : traits to open, in this order; all by default.
    names : names of the scans, instead of their traits.
    positions : table with the positions of the variants, for formats that have variant names only.

    Raises
    ------
    InputError
        A file is missing, or of no known format; a trait is in none of them.
    UsageError
        No scan, two scans of one name, or names that are not one for each.
    """
    given = [Path(path) for path in one_or_several(paths)]
    found = [scan for path in given if not is_beside_a_scan(path) for scan in _scans_of(path)]
    if not found:
        raise UsageError(
            "no scans: give files of summary statistics"
            + (", those named are sidecars or untested variants" if given else "")
        )
    scans = chosen_scans(found, traits=traits, names=names)
    return scans if positions is None else placed(scans, positions)


def chosen_scans(
    found: Sequence[Scan],
    *,
    traits: str | Sequence[str] | None = None,
    names: str | Sequence[str] | None = None,
) -> Scans:
    """Some of the scans that were found, under other names where such are given.

    Parameters
    ----------
    traits, names : as in :func:`open_scans`.
    """
    found = list(found)
    if traits is not None:
        traits = one_or_several(traits)
        by_name = {scan.name: scan for scan in found}
        if absent := [trait for trait in traits if trait not in by_name]:
            raise InputError(
                f"no trait {', '.join(absent)} in the files given; they hold {', '.join(by_name)}"
            )
        found = [by_name[trait] for trait in traits]
    if names is not None:
        names = one_or_several(names)
        if len(names) != len(found):
            raise UsageError(f"expected {len(found)} names for as many scans, got {len(names)}")
        found = [scan.renamed(name) for scan, name in zip(found, names, strict=True)]
    return Scans(found)


def _scans_of(path: Path) -> list[Scan]:
    if path.is_dir():
        return _scans_in_folder(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected summary statistics")
    if path.suffix == ".parquet":
        return open_parquet(path)
    table = TextTable.open(path)
    if is_gwas_vcf(table):
        return open_gwas_vcf(table)
    for layout in TEXT_FORMATS:
        if layout.recognises(table.header):
            return layout.scans(table)
    known = ", ".join(layout.name for layout in TEXT_FORMATS)
    shown = ", ".join(table.header[:8]) + (", …" if len(table.header) > 8 else "")
    raise InputError(
        f"{path}: its columns ({shown}) are those of no known format: expected {known}, GWAS-VCF "
        "or Parquet of gwasbone; rename them to GWAS-SSF's (chromosome, base_pair_location, "
        "effect_allele, other_allele, beta, standard_error, p_value)"
    )


def _scans_in_folder(path: Path) -> list[Scan]:
    for folder in (path, path / "results"):
        if is_results_folder(folder):
            return open_results_folder(folder)
    files = [p for p in sorted(path.iterdir()) if p.is_file() and not is_beside_a_scan(p)]
    stems = {p: p.name.removesuffix(".gz").removesuffix(".bgz").removesuffix(".zst") for p in files}
    chosen = [p for p in files if stems[p].endswith(_SCAN_ENDINGS)]
    if not chosen:
        raise InputError(f"{path}: expected a folder with summary statistics, found none in it")
    scans: list[Scan] = []
    for file in chosen:
        try:
            scans += _scans_of(file)
        except InputError as error:
            log.warning("passed over: %s", error)
    if not scans:
        raise InputError(f"{path}: none of its {len(chosen)} tables is of a known format")
    return scans


@dataclass(frozen=True)
class Positions:
    """Where variants are, by name.

    Parameters
    ----------
    names : (m,) rs numbers and the like, each once.
    chromosome, position_bp : (m,) codes and positions.
    """

    names: pa.Array
    chromosome: npt.NDArray[np.int64]
    position_bp: npt.NDArray[np.int64]

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Positions:
        """Of ``source_id``, ``chromosome`` (codes) and ``base_pair_location``.

        Names that stand at several positions are left out.
        """
        some = table[["source_id", "chromosome", "base_pair_location"]].dropna().drop_duplicates()
        some = some.drop_duplicates("source_id", keep=False)
        return cls(
            pa.array(some["source_id"], pa.string()),
            some["chromosome"].to_numpy(dtype=np.int64),
            some["base_pair_location"].to_numpy(dtype=np.int64),
        )

    @classmethod
    @reads("positions of variants")
    def read(cls, path: Path) -> Positions:
        """Of a .bim, a .pvar, a scan with positions, or a table with SNP (or ID), CHR and BP.

        Raises
        ------
        InputError
            The file is none of these.
        """
        if path.suffix == ".bim":
            table = pd.read_csv(path, sep=r"\s+", header=None, dtype=str, usecols=[0, 1, 3])
            table.columns = pd.Index(["chromosome", "source_id", "base_pair_location"])
            return cls._of_text(table, path)
        text = TextTable.open(path)
        spelled = {name.lower(): name for name in text.header}
        found = {
            ours: next((spelled[n] for n in names if n in spelled), None)
            for ours, names in _POSITION_COLUMNS.items()
        }
        if None in found.values():
            raise InputError(
                f"{path}: expected columns with the variants' names (SNP, ID, rsid), CHR and BP, "
                f"got {', '.join(text.header[:8])}"
            )
        types = {str(name): pa.string() for name in found.values()}
        parts = [text.columns(lines, types) for lines in within_limit(text.pieces(), path)]
        raw = pa.concat_tables(parts).to_pandas() if parts else pd.DataFrame(columns=list(types))
        return cls._of_text(raw.rename(columns={v: k for k, v in found.items()}), path)

    @classmethod
    def _of_text(cls, table: pd.DataFrame, path: Path) -> Positions:
        from gwasbone.genome import chromosome_code

        codes = {c: chromosome_code(str(c)) for c in table["chromosome"].unique()}
        placed = table.assign(
            chromosome=table["chromosome"].map(codes),
            base_pair_location=pd.to_numeric(table["base_pair_location"], errors="coerce"),
        )
        if placed["base_pair_location"].isna().all():
            raise InputError(f"{path}: expected positions in bp, got none")
        return cls.of_table(placed)

    def of(self, names: pa.Array | pa.ChunkedArray) -> dict[str, npt.NDArray[np.float64]]:
        """Chromosome and position of names; NaN where they are not known."""
        row = pc.index_in(names, value_set=self.names).fill_null(-1).to_numpy()
        # the row −1 is that of names without a position
        return {
            "chromosome": np.append(self.chromosome.astype(np.float64), np.nan)[row],
            "base_pair_location": np.append(self.position_bp.astype(np.float64), np.nan)[row],
        }


_POSITION_COLUMNS = {
    "source_id": ("snp", "id", "rsid", "source_id", "markername", "variant_id", "markerid"),
    "chromosome": ("chr", "chrom", "chromosome"),
    "base_pair_location": ("bp", "pos", "base_pair_location", "position", "genpos"),
}


class _PlacedScan(Scan):
    """A scan whose variants' positions come from elsewhere, by their names."""

    def __init__(self, scan: Scan, positions: Positions) -> None:
        super().__init__(
            scan.name, scan.where, format_name=scan.format_name, build=scan.build,
            n_bytes=scan.n_bytes,
        )  # fmt: skip
        self._scan, self._positions = scan, positions

    @property
    def has(self) -> frozenset[str]:
        return self._scan.has | {"chromosome", "base_pair_location"}

    def pieces(self, request: ReadRequest) -> Iterator[ScanPiece]:
        place_of = ("chromosome", "base_pair_location")
        theirs = [n for n in dict.fromkeys([*request.columns, "source_id"]) if n not in place_of]
        within = SetAside(self.where)
        for piece in self._scan.pieces(replace(request, columns=theirs, aside=within)):
            names = piece.table["source_id"]
            known, otherwise = self._positions.of(names), places_in(names)
            place = {n: pa.array(np.where(np.isnan(v), otherwise[n], v)) for n, v in known.items()}
            made = {n: place[n] if n in place else piece.table[n] for n in request.columns}
            fine = checked(pa.table(made), request.aside, partial(_named, names))
            yield ScanPiece(fine, piece.n_rows)
        for reason, n in within.counts.items():
            request.aside.add(reason, n, partial(within.examples.__getitem__, reason))


def _named(names: pa.ChunkedArray, row: int) -> str:
    return f"first {names[row].as_py()}"


def placed(scans: Scans, positions: Positions) -> Scans:
    """Scans with the positions of those that have none, by the names of their variants."""
    return Scans([_PlacedScan(s, positions) if s.places_in_names else s for s in scans.values()])


def read_scan(path: Path | str) -> pd.DataFrame:
    """Read the summary statistics of a file with one scan, sorted by variant.

    Raises
    ------
    InputError
        The file is missing, cut short, of no known format, or lacks a column.
    UsageError
        It holds several scans.
    """
    scans = open_scans([path])
    if len(scans) != 1:
        raise UsageError(f"{path}: expected one scan, it holds {', '.join(scans)}")
    return next(iter(scans.values())).table()


def as_scans(scans: Any) -> Scans:
    """Convert results, tables or paths to scans.

    Parameters
    ----------
    scans : :class:`Scans`; one :class:`Scan`; results of a run; a table of one trait, called
        ``scan``; the path of a file or folder; or name -> table, :class:`Scan`, or path of a file
        with that trait.

    Raises
    ------
    UsageError
        It is nothing of that kind, or holds no scan.
    """
    if isinstance(scans, (str, Path)):
        found = open_scans([Path(scans)])
    elif isinstance(scans, pd.DataFrame):
        found = Scans([FrameScan("scan", scans)])
    elif callable(getattr(scans, "scans", None)):
        found = scans.scans()
    elif isinstance(scans, Mapping):
        found = Scans([_one(str(name), source) for name, source in scans.items()])
    else:
        raise UsageError(f"scans: expected results, tables or files by trait, got {type(scans)}")
    if not len(found):
        raise UsageError("expected at least one scan, got none")
    return found


def _one(name: str, source: Any) -> Scan:
    if isinstance(source, Scan):
        return source.renamed(name)
    if isinstance(source, pd.DataFrame):
        return FrameScan(name, source)
    if isinstance(source, (str, Path)):
        scans = open_scans([Path(source)])
        return (scans[name] if name in scans else _only(scans, source)).renamed(name)
    raise UsageError(f"scan {name}: expected a table, a scan or a file, got {type(source)}")


def _only(scans: Scans, source: object) -> Scan:
    if len(scans) != 1:
        raise UsageError(f"{source}: holds {len(scans)} scans ({', '.join(scans)}): name one")
    return next(iter(scans.values()))
