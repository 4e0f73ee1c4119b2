"""Records of a BCF to rows of packed calls, dosages and a table of variants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.blocks import bcf_kernels as kernels
from gwasbone.blocks import vcf_kernels
from gwasbone.cohort.sources.vcf_header import VcfHeader
from gwasbone.cohort.sources.vcf_lines import (
    FAULTS,
    LineError,
    ReadRows,
    is_x,
    outside_par,
    texts,
)

_FAULTS = FAULTS | {
    kernels.BAD_RECORD: "its lengths contradict one another: the file is damaged, copy it again"
}


@dataclass(frozen=True)
class RecordReader:
    """Reads records of one file.

    Parameters
    ----------
    header : of the file.
    build : reference build.
    """

    header: VcfHeader
    build: str

    @property
    def _keys(self) -> npt.NDArray[np.int64]:
        strings, declared = self.header.strings, self.header.formats
        names = [name if name == "GT" or name in declared else None for name in ("GT", "DS", "GP")]
        return np.array(
            [strings.index(k) if k in strings else -1 for k in (*names, self.header.score)],
            np.int64,
        )

    def read(self, data: bytearray, starts: npt.NDArray[np.int64]) -> ReadRows:
        """Read whole records.

        Parameters
        ----------
        starts : (r + 1,) where they start in ``data``, and where the last one ends.

        Raises
        ------
        LineError
            A record that cannot be read.
        """
        raw, n, m = np.frombuffer(data, np.uint8), len(self.header.samples), len(starts) - 1
        table, scores = np.zeros((m, kernels.N_COLUMNS), np.int64), np.empty(m)
        i, code, got = kernels.scan_records(raw, starts, n, self._keys, table, scores)
        if code != vcf_kernels.DONE:
            raise LineError(i, self._fault(code, -1, got))
        contigs = self.header.contigs
        unknown = (table[:, kernels.CONTIG] < 0) | (table[:, kernels.CONTIG] >= len(contigs))
        if unknown.any():
            raise LineError(int(np.argmax(unknown)), "its contig is not declared in the header")
        x = np.array([is_x(name) for name in contigs], dtype=bool)[table[:, kernels.CONTIG]]
        on_x = x & outside_par(table[:, kernels.POSITION], self.build)
        n_alt = np.maximum(table[:, kernels.ALLELES] - 1, 1)
        rows, stated = int(n_alt.sum()), bool(table[:, [kernels.DOSAGE, kernels.PROBABILITY]].any())
        calls, tops = np.empty((rows, (n + 3) // 4), np.uint8), np.empty(rows, np.int32)
        dosages = np.empty((rows if stated else 0, n), np.uint16)
        x_lines = np.flatnonzero(on_x)
        single = np.empty((len(x_lines), (n + 7) // 8), np.uint8)
        sex, untold = np.zeros((3, n), np.int64), np.zeros(n)
        code, i, sample, got = kernels.read_records(
            raw, table, n, on_x, int(n_alt.max(initial=1)), calls, dosages, tops, single, sex,
            untold,
        )  # fmt: skip
        if code != vcf_kernels.DONE:
            raise LineError(i, self._fault(code, sample, got))
        line_of = np.repeat(np.arange(m), n_alt)
        return ReadRows(
            calls, dosages[tops > 0] if stated else dosages, tops,
            self._variants(raw, starts, table, line_of, on_x, scores),
            np.searchsorted(line_of, x_lines), single, sex, untold, m,
        )  # fmt: skip

    def _variants(
        self, raw: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64],
        table: npt.NDArray[np.int64], line_of: npt.NDArray[np.intp],
        on_x: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64],
    ) -> dict[str, pa.Array | npt.NDArray]:  # fmt: skip
        alleles = np.empty((len(line_of), 3), np.int64)
        kernels.alternate_alleles(raw, starts, table, alleles)
        rows = table[line_of]
        no_ploidy = (table[:, kernels.CALL] == 0) & (table[:, kernels.PROBABILITY] == 0)
        columns: dict[str, pa.Array | npt.NDArray] = {
            "chromosome": pa.DictionaryArray.from_arrays(
                pa.array(rows[:, kernels.CONTIG].astype(np.int32)),
                pa.array(self.header.contigs, pa.string()),
            ),
            "base_pair_location": rows[:, kernels.POSITION],
            "ref": texts(raw, rows[:, kernels.REF : kernels.REF_END + 1]),
            "alt": _dots(texts(raw, alleles[:, 1:])),
            "source_id": _dots(texts(raw, rows[:, kernels.ID : kernels.ID_END + 1])),
            "line": line_of,
            "n_alt": np.maximum(rows[:, kernels.ALLELES] - 1, 1),
            "untold": (on_x & no_ploidy)[line_of],
        }
        if self.header.score is not None:
            columns["info"] = scores[line_of]
        return columns

    def _fault(self, code: int, sample: int, got: int) -> str:
        if code == vcf_kernels.FEW_SAMPLES:
            n = len(self.header.samples)
            return f"expected {n} samples as in the header, got {got}: the file is damaged"
        whose = f" (sample {self.header.samples[sample]})" if sample >= 0 else ""
        return _FAULTS[code].format(got=got) + whose


def _dots(column: pa.Array) -> pa.Array:
    """Texts, ``.`` where empty."""
    return pc.if_else(pc.equal(column, ""), ".", column)
