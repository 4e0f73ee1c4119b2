"""Functions that Numba compiles: once on a machine, without Python's lock, and said so.

Numba keeps what it compiled beside the source, in the user's cache folder where that cannot be
written to, or where ``NUMBA_CACHE_DIR`` says. By itself it compiles anew where the source of the
function's own module has changed; here also where any module of this package has, since kernels
contain the functions that they call.

The first kernel of a process makes Numba look whether SciPy has a BLAS, and the import of
``scipy.linalg`` takes longer than all else at that point. SciPy is there, and kernels here have no
linear algebra: the question is answered without the import. Kernels of others that have some are
served as ever, since Numba asks again where it compiles them.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.np import linalg

from gwasbone.blocks.kernel_progress import Progress

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])


def _answer_that_there_is_a_blas() -> None:
    ask = getattr(linalg, "ensure_blas", None)
    if ask is None:  # a Numba that does not ask
        return
    linalg.ensure_blas = lambda: None
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        linalg.ensure_blas = ask


_answer_that_there_is_a_blas()


@functools.cache
def _package_stamp() -> str:
    """What the sources of this package's modules are."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def compiled(function: F) -> F:
    """Compile a function on its first call, and keep the result on disk where there is a place."""
    return _compiled(function, frozenset())


def compiled_sums(function: F) -> F:
    """As :func:`compiled`, for loops over floats, whose terms may be added in any order.

    So that the processor adds several at a time, and multiplies and adds in one step. Infinite
    numbers and NaN are kept.
    """
    return _compiled(function, frozenset({"reassoc", "contract", "nsz"}))


def compiled_terms(function: F) -> F:
    """As :func:`compiled`, for a function of single floats: it may multiply and add in one step."""
    return _compiled(function, frozenset({"contract"}))


def _compiled(function: F, freedom: frozenset[str]) -> F:
    """Compile with some of LLVM's freedoms in floating point."""
    how: dict[str, Any] = {"nogil": True}
    if freedom:
        # and a division by 0 is infinite: asking for each whether it is one takes vectors away
        how |= {"fastmath": set(freedom), "error_model": "numpy"}
    kernel: Any
    try:
        kernel = njit(cache=True, **how)(function)
        kept = kernel._cache._cache_file
        kept._source_stamp = (kept._source_stamp, _package_stamp())
    except RuntimeError:
        # no folder can be written to, as in some containers: compiled again by every process
        kernel = njit(**how)(function)
    return cast(F, kernel)


def announce_compiling(kernel: Any, *, progress: Progress | None = None) -> None:
    """Say so where the next call of a kernel will compile it first, which takes seconds."""
    if kernel.signatures:
        return
    if kernel.stats.cache_path is None:
        log.info("compiling kernels: no folder to keep them in; set NUMBA_CACHE_DIR")
        if progress is not None:
            progress("compiling kernels", 0, 1)
    elif not kernel._cache._cache_file._load_index():
        log.info("compiling kernels, once on this machine: kept in %s", kernel.stats.cache_path)
        if progress is not None:
            progress("compiling kernels (once)", 0, 1)
