"""Block files of any genotypes: hard calls as PLINK .bed, dosages as BGEN, written by Hail once.

The scans of a cohort in block files need no JVM and run several times as fast as Hail's; for a
MatrixTable that is scanned more than once the export is soon repaid.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.sources.bed import read_bed
from gwasbone.cohort.sources.matrix_table import annotate_people
from gwasbone.cohort.sources.source import Genotypes, ReadOptions
from gwasbone.cohort.sources.tables import FEMALE, MALE, VARIANT_KEY
from gwasbone.errors import InputError, UsageError
from gwasbone.files import atomic_path, is_url
from gwasbone.ranges import file_system, is_file
from gwasbone.session import hail, temporary_path

log = logging.getLogger(__name__)

_PLINK, _BGEN = (".bed", ".bim", ".fam"), (".bgen", ".sample")


def write_block_files(
    genotypes: Genotypes, path: str | Path, *, overwrite: bool = False
) -> Genotypes:
    """Write genotypes to block files; see :meth:`gwasbone.cohort.model.Cohort.export`.

    Returns
    -------
    The same genotypes backed by the new files, with everything that was decided about them.

    Raises
    ------
    InputError
        Files of that name exist; IDs that a .fam cannot hold.
    UsageError
        The genotypes are in block files already.
    """
    source, people = genotypes.source, genotypes.people.table
    if source.capabilities.blocks:
        raise UsageError(
            f"export: {source.describe()} is in block files already; use the cohort as it is"
        )
    prefix = str(path).removesuffix(".bed").removesuffix(".bgen")
    mt = annotate_people(
        source.matrix_table(genotypes.build, people.index.tolist()), people[["fid", "iid", "sex"]]
    )
    hard_calls = "dosage" not in mt.entry
    suffixes = _PLINK if hard_calls else _BGEN
    existing = [prefix + suffix for suffix in suffixes if is_file(prefix + suffix)]
    if existing and not overwrite:
        raise InputError(
            f"{existing[0]}: exists already: choose another path or give overwrite=True"
        )
    with _whole(prefix, suffixes) as target:
        if hard_calls:
            _export_calls(mt, people, target)
        else:
            _export_probabilities(mt, people, target)
    written = _read(prefix, genotypes, hard_calls=hard_calls)
    log.info("%s written to %s", source.describe(), written.source.describe())
    return _backed_by(written, genotypes)


def _backed_by(written: Genotypes, genotypes: Genotypes) -> Genotypes:
    """The same genotypes in their new files, with everything that was decided about them."""
    variants = _placed(genotypes.variants, written.variants)
    return replace(genotypes, source=written.source, variants=variants)


#: What this session has written: of each MatrixTable, for the sexes that its samples had then.
_of_session: WeakKeyDictionary[Any, dict[bytes, Genotypes]] = WeakKeyDictionary()


def can_write_session_blocks(genotypes: Genotypes) -> bool:
    """Whether block files hold the genotypes exactly: calls, of samples a .fam can name."""
    has, people = genotypes.source.capabilities, genotypes.people.table
    blank = people["fid"].str.contains(r"\s|^$") | people["iid"].str.contains(r"\s|^$")
    return has.matrix_table and has.calls and not has.dosages and not blank.any()


def has_session_blocks(genotypes: Genotypes) -> bool:
    """Whether this session has written the genotypes already."""
    return _sexes(genotypes) in _of_session.get(genotypes.source.identity, {})


def session_blocks(genotypes: Genotypes) -> Genotypes:
    """The genotypes in block files in the session's temporary folder, written once.

    They are used again for the same MatrixTable, that is the same Python object, with the same
    sexes (which decide about haploid calls on X): another object may hold other genotypes, even
    one that was read from the same path. They are removed with the MatrixTable, at the latest when
    the process ends.
    """
    source, sexes = genotypes.source, _sexes(genotypes)
    written = _of_session.setdefault(source.identity, {})
    if sexes in written:
        log.info("block files of %s are used again", source.describe())
        return _backed_by(written[sexes], genotypes)
    backed = write_block_files(genotypes, temporary_path("blocks").removeprefix("file://"))
    files = backed.source.files
    weakref.finalize(source.identity, _remove, files)
    places = backed.variants.table[[*VARIANT_KEY, *backed.source.place_columns]]
    written[sexes] = replace(backed, variants=MaskedTable("variants", places))
    return backed


def _sexes(genotypes: Genotypes) -> bytes:
    return genotypes.people.table["sex"].to_numpy().tobytes()


def _remove(files: tuple[str, ...]) -> None:
    """Files of a session, where its temporary folder is still there."""
    for file in files:
        with contextlib.suppress(OSError):
            if is_url(file):
                system, inside = file_system(file)
                system.rm_file(inside)
            else:
                Path(file).unlink(missing_ok=True)


def _read(prefix: str, genotypes: Genotypes, *, hard_calls: bool) -> Genotypes:
    people = genotypes.people.table
    same = bool((people.index == people["iid"]).all())
    options = ReadOptions(
        build=genotypes.build,
        id_rule="iid" if same else "fid_iid",
        sample=Path(prefix + _BGEN[1]),
    )
    if hard_calls:
        return read_bed(prefix, options)
    # its decoders are imported where BGEN files are read
    from gwasbone.cohort.sources.bgen import read_bgen

    return read_bgen(prefix + _BGEN[0], options)


@contextlib.contextmanager
def _whole(prefix: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """A prefix to write files at, which get their names once all are complete.

    The genotypes take theirs last, and an old file of that name goes first: whatever kills the
    run, there is no set of files of which some are old. Files at URLs appear when they are
    closed; a set that is not whole is refused on reading.
    """
    if is_url(prefix):
        yield prefix
        return
    home = Path(prefix).absolute()
    with contextlib.ExitStack() as stack:
        paths = [Path(f"{home}{suffix}") for suffix in suffixes]
        partial = [stack.enter_context(atomic_path(path)) for path in paths]
        target = str(partial[0]).removesuffix(suffixes[0])
        for path in partial:
            # Hadoop writes checksums beside files of this machine
            stack.callback(path.with_name(f".{path.name}.crc").unlink, missing_ok=True)
        yield target
        paths[0].unlink(missing_ok=True)


def _export_calls(mt: Any, people: pd.DataFrame, target: str) -> None:
    hl = hail()
    blank = people["fid"].str.contains(r"\s") | people["iid"].str.contains(r"\s")
    if blank.any():
        raise InputError(
            f"export: expected sample and family IDs without blanks, got "
            f"{people.index[blank][0]!r} (in all {int(blank.sum())}): rename them; a .fam is "
            "separated by blanks"
        )
    haploid = mt.GT.ploidy == 1
    wrong = haploid & (mt.sex == FEMALE) & mt.locus.in_x_nonpar()
    second = hl.if_else(haploid, mt.GT[0], mt.GT[1])
    mt = mt.select_entries(GT=hl.or_missing(~wrong, hl.call(mt.GT[0], second)))
    hl.export_plink(
        mt,
        target,
        fam_id=mt.fid,
        ind_id=mt.iid,
        is_female=hl.case().when(mt.sex == FEMALE, True).when(mt.sex == MALE, False).or_missing(),
        varid=hl.or_else(mt.source_id, "."),
    )


def _export_probabilities(mt: Any, people: pd.DataFrame, target: str) -> None:
    hl = hail()
    if "GP" in mt.entry:
        # a haploid call has two probabilities
        GP = mt.GP.map(hl.float64)
        GP = hl.if_else(hl.len(GP) == 2, [GP[0], 0.0, GP[1]], GP)
    else:
        log.warning(
            "genotype probabilities are made from dosages: the .bgen is for scans of dosages, "
            "not for calls or INFO"
        )
        g = mt.dosage
        if "GT" in mt.entry:
            g = hl.if_else(mt.GT.ploidy == 1, 2.0, 1.0) * g
        GP = [hl.max(0.0, 1 - g), 1 - hl.abs(g - 1), hl.max(0.0, g - 1)]
    mt = mt.select_entries(GP=GP)
    hl.export_bgen(mt, target, gp=mt.GP, rsid=hl.or_else(mt.source_id, "."))
    _write_sample(people, f"{target}.sample")


def _write_sample(people: pd.DataFrame, path: str) -> None:
    """Replace Hail's .sample by one with families and sex."""
    rows = [f"{p.fid} {p.iid} 0 {p.sex}\n" for p in people[["fid", "iid", "sex"]].itertuples()]
    import hailtop.fs

    with hailtop.fs.open(path, "w") as handle:
        handle.write("ID_1 ID_2 missing sex\n0 0 0 D\n" + "".join(rows))


def _placed(old: MaskedTable, written: MaskedTable) -> MaskedTable:
    """The variants as they were, with their places in the new files."""
    places = written.table.drop(
        columns=[c for c in old.table if c not in VARIANT_KEY], errors="ignore"
    )
    table = old.table.merge(places, on=VARIANT_KEY, how="left", validate="1:1")
    table.index = old.table.index
    return MaskedTable(old.noun, table, old.decisions)
