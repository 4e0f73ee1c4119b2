"""How far kernels on several threads are."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: Called with a step in words, how much of it is done, and of what.
Progress = Callable[[str, int, int], None]


class ProgressCount:
    """Counts what several threads have done, and passes it on."""

    def __init__(self, progress: Progress | None, step: str, total: int) -> None:
        self._progress, self._step, self._total = progress, step, total
        self._done, self._lock = 0, threading.Lock()

    def add(self, done: int) -> None:
        """So much more is done."""
        with self._lock:
            self._done += done
            if self._progress is not None:
                self._progress(self._step, self._done, self._total)
