"""What can go wrong, in words a user can act on.

Every message is one line and says what was expected, what came, where, and what to do.
The command line prints the message and exits with the class's ``exit_code``.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
#: Characters of a message that fit on a screen.
MAX_MESSAGE = 2_000


class GwasboneError(Exception):
    """Base class of the errors that gwasbone raises.

    A message that is longer than a screen is cut in its middle.
    """

    exit_code = 1

    def __str__(self) -> str:
        return _on_a_screen(super().__str__())


class InputError(GwasboneError):
    """A file or table is missing or invalid."""


class ConfigError(GwasboneError):
    """A ``study.toml`` is invalid; all faults are listed at once."""


class UsageError(GwasboneError):
    """The options of a command, or the arguments of a function, are invalid or contradictory."""

    exit_code = 2


class OptionError(UsageError):
    """Options out of their bounds; ``faults`` has one entry for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = tuple(faults)


class NotBuiltError(UsageError):
    """A documented method is not implemented in this version."""


class GwasboneWarning(UserWarning):
    """Base class of warnings about suspicious data or results."""

    def __str__(self) -> str:
        return _on_a_screen(super().__str__())


def _on_a_screen(text: str) -> str:
    """A message, cut in its middle where it is longer than a screen."""
    if len(text) <= MAX_MESSAGE:
        return text
    head, tail = text[: MAX_MESSAGE * 3 // 4], text[-MAX_MESSAGE // 5 :]
    return f"{head} ... ({len(text) - len(head) - len(tail):,} characters more) ... {tail}"


def listed(names: Iterable[object], at_most: int = 8, separator: str = ", ") -> str:
    """The first names, and how many more there are, for messages that fit on a screen.

    >>> listed("abc"), listed("abcde", 3), listed([])
    ('a, b, c', 'a, b, c and 2 more', 'nothing')
    """
    texts = [str(name) for name in names]
    more = f" and {len(texts) - at_most:,} more" if len(texts) > at_most else ""
    return (separator.join(texts[:at_most]) + more) or "nothing"


@contextlib.contextmanager
def reading(path: object, expected: str) -> Iterator[None]:
    """Turn whatever fails while a file is read into one error that names the file.

    Parameters
    ----------
    path : the file.
    expected : what the file should be, such as ``a table of genes``.

    Raises
    ------
    InputError
        In place of any other exception than those that are raised on purpose.
    """
    try:
        yield
    except GwasboneError:
        raise
    except FileNotFoundError as error:
        if os.path.isdir(str(path)) and error.filename is not None:
            absent = os.path.relpath(str(error.filename), str(path))
            raise InputError(f"{path}: expected {expected}, it has no {absent}") from error
        raise InputError(f"{path}: no such file; expected {expected}") from error
    except Exception as error:
        raise InputError(
            f"{path}: expected {expected}, but it cannot be read: {failure_reason(error)}"
        ) from error


def reads(expected: str, argument: str = "path") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run the whole of a function within :func:`reading` the file that it is given.

    Parameters
    ----------
    expected : what the file should be.
    argument : the name of the function's argument that is the file.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def read(*args: P.args, **kwargs: P.kwargs) -> R:
            path = signature.bind(*args, **kwargs).arguments.get(argument)
            with reading(path, expected):
                return function(*args, **kwargs)

        return read

    return decorated


#: What a message says of a failure without words of its own.
_REASONS = {
    "EOFError": "it ends too early",
    "EmptyDataError": "it is empty",
    "RecursionError": "it is nested too deeply",
}
_LONGEST_REASON = 200


def failure_reason(error: BaseException) -> str:
    """Why a file could not be read, in one line, with the line of the file where it is known.

    >>> failure_reason(UnicodeDecodeError("utf-8", b"a\\xff", 1, 2, "invalid start byte"))
    'bytes that are not UTF-8 text (byte 2: invalid start byte)'
    """
    kind = type(error).__name__
    if isinstance(error, UnicodeDecodeError):
        return f"bytes that are not UTF-8 text (byte {error.start + 1}: {error.reason})"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = _columns_by_line(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if kind in _REASONS or not lines:
        return _REASONS.get(kind, kind)
    if isinstance(error, (KeyError, IndexError)):
        lines[0] = f"{kind} {lines[0]}"
    plain = "".join(c if c.isprintable() else "?" for c in lines[0])
    return plain[:_LONGEST_REASON] + ("…" if len(plain) > _LONGEST_REASON else "")


def _columns_by_line(text: str) -> str:
    """The words of pandas and Arrow for a row with too many or too few fields, in ours."""
    for pattern in (
        r"Expected (?P<due>\d+) fields in line (?P<line>\d+), saw (?P<seen>\d+)",
        r"Row #(?P<line>\d+): Expected (?P<due>\d+) columns, got (?P<seen>\d+)",
    ):
        if found := re.search(pattern, text):
            return f"{found['seen']} columns instead of {found['due']} in line {found['line']}"
    return text
