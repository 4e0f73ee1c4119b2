"""Lines of text made in Arrow, whose string arrays are the bytes of a file already."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def joined(*parts: pa.Array | str, separator: str = "\t") -> pa.Array:
    """(rows,) the parts of each row, arrays or the same text for all, between separators."""
    return pc.binary_join_element_wise(*parts, separator)


def bytes_of(lines: pa.Array) -> memoryview:
    """The text of all lines, which lies in one piece already."""
    if not len(lines):
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    at = np.frombuffer(offsets, dtype=np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[at[0] : at[-1]]
