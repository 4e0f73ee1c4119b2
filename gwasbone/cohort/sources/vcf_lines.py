"""Lines of a VCF to rows of packed calls, dosages and a table of variants."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gwasbone.blocks import vcf_kernels as kernels
from gwasbone.genome import PAR_X_BP, X, chromosome_code
from gwasbone.ranges import Bytes

FAULTS = {
    kernels.FEW_COLUMNS: "expected nine columns and the samples, separated by tabs",
    kernels.BAD_POSITION: "expected a whole number as position (POS)",
    kernels.BAD_CALL: "expected alleles such as 0/1, 0|1, 1 or ./. as genotype",
    kernels.BAD_PLOIDY: "expected genotypes of one or two alleles, got more",
    kernels.BAD_ALLELE: "the genotype names allele {got}, which ALT does not have",
    kernels.BAD_NUMBER: "expected numbers, separated by commas, as DS and GP",
    kernels.DOSAGE_COUNT: "expected a dosage (DS) for each ALT, got {got}: split the variant, for "
    "example with bcftools norm -m -any",
    kernels.PROBABILITY_COUNT: "expected a probability (GP) for each genotype, got {got}",
    kernels.BAD_DOSAGE: "expected a dosage (DS) from 0 to 2",
    kernels.BAD_PROBABILITIES: "expected genotype probabilities (GP) that add up to 1",
    kernels.HAPLOID_DOSAGE: "expected a dosage (DS) from 0 to 1 of a genotype of one allele",
}


class LineError(Exception):
    """A line that cannot be read.

    Parameters
    ----------
    line : its number among the lines that were given, from 0.
    fault : what was expected and what came.
    """

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(fault)
        self.line, self.fault = line, fault


@dataclass(frozen=True)
class ReadRows:
    """Rows that were read, one for each alternate allele.

    Parameters
    ----------
    calls : (rows, bytes) as in a .bed.
    dosages : (d, n) units of the rows that have dosages. tops : (rows,) units that make two
        copies, 0 where a row has calls alone.
    variants : columns ``chromosome`` (as spelt), ``base_pair_location``, ``ref``, ``alt``,
        ``source_id``, ``line`` (among those given), ``n_alt``, ``untold`` and, if asked for,
        ``info``.
    x_rows : (x,) first row of each line on X outside the pseudo-autosomal regions.
    single : (x, bytes) bits of the samples that these call with one allele.
    sex, untold_most : see :func:`gwasbone.blocks.vcf_kernels.read_samples`.
    n_lines : lines read.
    """

    calls: Bytes
    dosages: npt.NDArray[np.uint16]
    tops: npt.NDArray[np.int32]
    variants: dict[str, pa.Array | npt.NDArray]
    x_rows: npt.NDArray[np.int64]
    single: Bytes
    sex: npt.NDArray[np.int64]
    untold_most: npt.NDArray[np.float64]
    n_lines: int


@dataclass(frozen=True)
class LineReader:
    """Reads lines of one file.

    Parameters
    ----------
    n : samples.
    samples : their names, for messages.
    build : reference build.
    dosages, probabilities : whether the header declares DS and GP.
    score : the INFO field of the imputation score; None where there is none.
    """

    n: int
    samples: tuple[str, ...]
    build: str
    dosages: bool
    probabilities: bool
    score: str | None
    _formats: dict[bytes, tuple[int, int, int]] = field(default_factory=dict)

    def read(self, data: bytearray, start: int, stop: int) -> ReadRows:
        """Read whole lines.

        Parameters
        ----------
        data : from ``start`` to ``stop`` it holds whole lines; behind them some bytes
            (:data:`gwasbone.blocks.bgzf.PADDING`).

        Raises
        ------
        LineError
            A line that cannot be read.
        """
        text, n = np.frombuffer(data, np.uint8), self.n
        # each sample takes two bytes at least; memory that is not used costs nothing
        most = (stop - start) // (2 * n + 17) + 1
        codes = np.empty((n + 3) // 4 * 4, np.uint8)
        tables, calls, at, n_lines = [], [], start, 0
        while at < stop or not tables:
            table = np.empty((most, kernels.N_COLUMNS), np.int64)
            packed = np.empty((most, (n + 3) // 4), np.uint8)
            n_read, at, code = kernels.scan_lines(text, at, stop, n, codes, packed, table)
            if code != kernels.DONE:
                place = bytes(data[at : min(at + 40, stop)])
                raise LineError(n_lines + n_read, self._fault(code, -1, 0, place))
            # what the table before ends with is another line
            table[:1, kernels.FLAGS] &= ~(kernels.SAME_CHROM | kernels.SAME_FORMAT)
            tables.append(table[:n_read])
            calls.append(packed[:n_read])
            n_lines += n_read
        if len(tables) > 1:
            tables, calls = [np.concatenate(tables)], [np.concatenate(calls)]
        return self._rows(data, text, tables[0], calls[0])

    def _rows(
        self, data: bytearray, text: Bytes, table: npt.NDArray[np.int64], calls: Bytes
    ) -> ReadRows:
        number = np.arange(len(table))
        there = table[:, kernels.FLAGS] & kernels.BLANK == 0
        if not there.all():
            number, table, calls = number[there], table[there], calls[there]
        n, n_alt = self.n, table[:, kernels.N_ALT]
        names, contig = _runs(data, table, kernels.CHROM, kernels.SAME_CHROM)
        formats, format_of = _runs(data, table, kernels.FORMAT, kernels.SAME_FORMAT)
        fields = np.array([self._places(f) for f in formats], np.int64).reshape(-1, 3)[format_of]
        on_x = self._on_x(names, contig, table[:, kernels.POSITION])
        general = (table[:, kernels.FLAGS] & kernels.PLAIN == 0) | on_x
        line_of = np.repeat(np.arange(len(table)), n_alt)
        tops, dosages = np.zeros(len(line_of), np.int32), np.empty((0, n), np.uint16)
        x_lines = np.flatnonzero(on_x)
        single = np.empty((len(x_lines), (n + 7) // 8), np.uint8)
        sex, untold = np.zeros((3, n), np.int64), np.zeros(n)
        if general.any():
            lines = np.flatnonzero(general)
            here = general[line_of]
            m = int(here.sum())
            some = bool((fields[lines, 1:] >= 0).any())
            read, units = (
                np.empty((m, calls.shape[1]), np.uint8),
                np.empty((m * some, n), np.uint16),
            )
            top = np.empty(m, np.int32)
            code, line, sample, got = kernels.read_samples(
                text, table[lines], n, fields[lines], on_x[lines], int(n_alt[lines].max()), read,
                units, top, single, sex, untold,
            )  # fmt: skip
            if code != kernels.DONE:
                row = table[lines[line]]
                place = bytes(data[row[kernels.CHROM] : row[kernels.ID] - 1])
                raise LineError(int(number[lines[line]]), self._fault(code, sample, got, place))
            tops[here] = top
            dosages = units[top > 0] if some else dosages
            calls = read if here.all() else _merged(calls[~general], read, here)
        return ReadRows(
            calls, dosages, tops,
            self._variants(data, text, table, number, names, contig, line_of, fields, on_x),
            np.searchsorted(line_of, x_lines), single, sex, untold, len(there),
        )  # fmt: skip

    def _variants(
        self, data: bytearray, text: Bytes, table: npt.NDArray[np.int64],
        number: npt.NDArray[np.intp], names: list[bytes], contig: npt.NDArray[np.intp],
        line_of: npt.NDArray[np.intp], fields: npt.NDArray[np.int64],
        on_x: npt.NDArray[np.bool_],
    ) -> dict[str, pa.Array | npt.NDArray]:  # fmt: skip
        alleles = np.empty((len(line_of), 3), np.int64)
        kernels.alleles_apart(text, table, alleles)
        rows = table[line_of]
        untold = on_x & (fields[:, 0] < 0) & (fields[:, 2] < 0)
        columns: dict[str, pa.Array | npt.NDArray] = {
            "chromosome": pa.DictionaryArray.from_arrays(
                pa.array(contig[line_of].astype(np.int32)),
                pa.array([_decoded(name) for name in names], pa.string()),
            ),
            "base_pair_location": rows[:, kernels.POSITION],
            "ref": texts(text, rows[:, kernels.REF : kernels.REF_END + 1]),
            "alt": texts(text, alleles[:, 1:]),
            "source_id": texts(text, rows[:, kernels.ID : kernels.ID_END + 1]),
            "line": number[line_of],
            "n_alt": rows[:, kernels.N_ALT],
            "untold": untold[line_of],
        }
        if self.score is not None:
            scores = np.empty(len(table))
            name = np.frombuffer(bytearray(f"{self.score}=".encode()), np.uint8)
            kernels.read_scores(text, table, name, scores)
            columns["info"] = scores[line_of]
        return columns

    def _places(self, text: bytes) -> tuple[int, int, int]:
        """The places of GT, DS and GP, as far as they are declared."""
        if text not in self._formats:
            keys = text.split(b":")
            wanted = ((b"GT", True), (b"DS", self.dosages), (b"GP", self.probabilities))
            a, b, c = (keys.index(key) if ok and key in keys else -1 for key, ok in wanted)
            self._formats[text] = (a, b, c)
        return self._formats[text]

    def _on_x(
        self, names: list[bytes], contig: npt.NDArray[np.intp], position: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        x = np.array([is_x(_decoded(name)) for name in names], dtype=bool)
        inside = np.zeros(len(contig), dtype=bool) if not len(x) else x[contig]
        return inside & outside_par(position, self.build)

    def _fault(self, code: int, sample: int, got: int, place: bytes) -> str:
        if code in (kernels.FEW_SAMPLES, kernels.MANY_SAMPLES):
            return f"expected {self.n} samples as in the header, got {got}: the file is damaged"
        text = FAULTS[code].format(got=got)
        where = place.replace(b"\t", b":").decode("utf-8", "replace").replace("\n", " ")
        whose = f" of sample {self.samples[sample]}" if sample >= 0 else ""
        return f"{text} ({where}{whose})"


def is_x(name: str) -> bool:
    """Whether a contig is chromosome X and not a name of its pseudo-autosomal part alone."""
    plain = name.upper().removeprefix("CHR")
    return chromosome_code(name) == X and (plain in ("X", "23", "0X") or name.startswith("NC_"))


def outside_par(position: npt.NDArray[np.int64], build: str) -> npt.NDArray[np.bool_]:
    """(m,) positions on X that are outside its pseudo-autosomal regions."""
    outside = np.ones(len(position), dtype=bool)
    for start, end in PAR_X_BP[build]:
        outside &= (position < start) | (position > end)
    return outside


def _runs(
    data: bytearray, table: npt.NDArray[np.int64], column: int, same: int
) -> tuple[list[bytes], npt.NDArray[np.intp]]:
    """Distinct texts of a column, and which of them each line has."""
    changes = table[:, kernels.FLAGS] & same == 0
    if len(changes):
        changes[0] = True
    seen: dict[bytes, int] = {}
    first = [
        seen.setdefault(bytes(data[a:b]), len(seen))
        for a, b in table[changes][:, column : column + 2].tolist()
    ]
    return list(seen), np.array(first, np.intp)[np.cumsum(changes) - 1]


def _merged(plain: Bytes, others: Bytes, here: npt.NDArray[np.bool_]) -> Bytes:
    calls = np.empty((len(here), plain.shape[1]), np.uint8)
    calls[~here], calls[here] = plain, others
    return calls


def texts(text: Bytes, spans: npt.NDArray[np.int64]) -> pa.Array:
    """Pieces of a text, from ``spans`` (m, 2)."""
    offsets = np.empty(len(spans) + 1, np.int32)
    joined = kernels.gather(text, np.ascontiguousarray(spans), offsets)
    return pa.StringArray.from_buffers(len(spans), pa.py_buffer(offsets), pa.py_buffer(joined))


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")
