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
from typing import Any, TypeVar, cast, overload

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


#: For sums whose order does not matter: several are added at a time, division by 0 gives infinity.
_FAST = {"fastmath": {"reassoc", "contract", "arcp", "nsz"}, "error_model": "numpy"}


@overload
def compiled(function: F) -> F: ...
@overload
def compiled(function: None = None, *, fast: bool) -> Callable[[F], F]: ...
def compiled(function: F | None = None, *, fast: bool = False) -> F | Callable[[F], F]:
    """Compile a function on its first call, and keep the result on disk where there is a place.

    Parameters
    ----------
    fast : let the compiler change the order of sums, so that it can use vector instructions.
    """
    if function is None:
        return lambda kernel: _compiled(kernel, _FAST if fast else {})
    return _compiled(function, {})


def _compiled(function: F, options: dict[str, Any]) -> F:
    kernel: Any
    try:
        kernel = njit(nogil=True, cache=True, **options)(function)
        kept = kernel._cache._cache_file
        kept._source_stamp = (kept._source_stamp, _package_stamp())
    except RuntimeError:
        # no folder can be written to, as in some containers: compiled again by every process
        kernel = njit(nogil=True, **options)(function)
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
