"""What can go wrong, in words a user can act on.

Every message is one line and says what was expected, what came, where, and what to do.
The command line prints the message and exits with the class's ``exit_code``.
"""

from __future__ import annotations

from collections.abc import Sequence


class GwasboneError(Exception):
    """Base of all errors that gwasbone raises on purpose; the data or the run failed."""

    exit_code = 1


class InputError(GwasboneError):
    """A file or table is not what it must be."""


class ConfigError(GwasboneError):
    """``study.toml`` is wrong; all its faults are listed at once."""


class UsageError(GwasboneError):
    """The command line, or the arguments of a function, contradict each other."""

    exit_code = 2


class OptionError(UsageError):
    """Options out of their bounds; ``faults`` has one entry for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = tuple(faults)


class NotBuiltError(UsageError):
    """A documented method that this version does not have yet."""


class GwasboneWarning(UserWarning):
    """Something suspicious that does not stop the run."""
