"""Options of a method: a frozen dataclass that checks its values and knows their meaning.

A field's annotation holds its bounds (``epochs: Count = 50``), the class docstring its meaning.
Sections of ``study.toml``, flags of the command line, their help and ``gwasbone config check``
are derived from these classes. Classes of options live in modules that import nothing heavy.

>>> @dataclass(frozen=True)
... class Pruning(Options):
...     r2: Annotated[float, Range(0, 1, open_low=True)] = 0.1
>>> Pruning(r2=0)
Traceback (most recent call last):
    ...
gwasbone.errors.OptionError: r2 = 0 (expected above 0, at most 1)
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from gwasbone.errors import OptionError

O = TypeVar("O", bound="Options")  # noqa: E741


@dataclass(frozen=True)
class Range:
    """Bounds of a number; an open end is not itself allowed.

    >>> str(Range(0, 0.5)), str(Range(1)), 0 in Range(0, open_low=True)
    ('0 to 0.5', 'at least 1', False)
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = self.low < value if self.open_low else self.low <= value
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        if not (self.open_low or self.open_high) and math.isfinite(self.low + self.high):
            return f"{self.low:g} to {self.high:g}"
        ends = []
        if math.isfinite(self.low):
            ends.append(f"{'above' if self.open_low else 'at least'} {self.low:g}")
        if math.isfinite(self.high):
            ends.append(f"{'below' if self.open_high else 'at most'} {self.high:g}")
        return ", ".join(ends) or "a finite number"


@dataclass(frozen=True)
class InputFile:
    """Marks text that names an input file or folder, relative to ``study.toml``.

    Parameters
    ----------
    words : values that are not paths, such as ``random``.
    """

    words: tuple[str, ...] = ()


Count = Annotated[int, Range(1)]
FoldCount = Annotated[int, Range(2)]
Share = Annotated[float, Range(0, 1)]
#: An r² above which variants are linked: none is above 1.
LinkedAbove = Annotated[float, Range(0, 1, open_high=True)]
#: A p-value threshold or another share that cannot be 0.
PositiveShare = Annotated[float, Range(0, 1, open_low=True)]
MinorFrequency = Annotated[float, Range(0, 0.5)]
PositiveNumber = Annotated[float, Range(0, math.inf, open_low=True, open_high=True)]
NonNegative = Annotated[float, Range(0)]
DropoutRate = Annotated[float, Range(0, 1, open_high=True)]
InputPath = Annotated[str, InputFile()]

#: Choices of text that are known, to be refused with a reason, and offered nowhere.
NOT_OFFERED = frozenset({"wgr"})

_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of text",
    dict: "a table of numbers",
}


@dataclass(frozen=True)
class Kind:
    """What an option can be.

    Parameters
    ----------
    type : str, int, float, bool, tuple (of text) or dict (of numbers).
    choices : the words that text, or each of several, can be; any where empty.
    range : bounds of a number.
    optional : whether it can be None.
    file : whether it names input files.
    """

    type: type
    choices: tuple[str, ...] = ()
    range: Range | None = None
    optional: bool = False
    file: InputFile | None = None

    @property
    def offered(self) -> list[str]:
        """The choices that can be made."""
        return [choice for choice in self.choices if choice not in NOT_OFFERED]

    @property
    def words(self) -> str:
        """The expected type or the choices."""
        return " or ".join(self.offered) or _WORDS[self.type]

    def coerced(self, value: Any) -> Any:
        """A value as TOML or a caller gives it in the type of the option, where that is plain."""
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if self.type is tuple and isinstance(value, list):
            return tuple(value)
        if self.type is dict and isinstance(value, Mapping):
            return {k: float(v) if _is_number(v) else v for k, v in value.items()}
        return value

    def mistyped(self, value: Any) -> bool:
        """Whether a value is of another type, or none of the choices."""
        if value is None:
            return not self.optional
        if self.choices:
            several = self.type is tuple
            if several and not isinstance(value, tuple):
                return True
            return not all(word in self.choices for word in (value if several else (value,)))
        if self.type is bool:
            return not isinstance(value, bool)
        if self.type in (int, float):
            number = _is_number(value) and (self.type is float or int(value) == value)
            return not number or (self.type is int and isinstance(value, float))
        if self.type is tuple:
            return not (isinstance(value, tuple) and all(isinstance(v, str) for v in value))
        if self.type is dict:
            return not (isinstance(value, Mapping) and all(map(_is_number, value.values())))
        return not isinstance(value, str)

    def outside(self, value: Any) -> bool:
        """Whether a number is out of bounds."""
        return self.range is not None and value is not None and value not in self.range


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, str)) or value is None:
        return False
    return hasattr(value, "__float__") and not math.isnan(float(value))


class Options:
    """Base of classes of options: all faults of the values are raised at once.

    Raises
    ------
    OptionError
        A value of the wrong type or out of bounds, or values that contradict each other.
    """

    def __post_init__(self) -> None:
        faults = [
            f"{name} = {value} (expected {kind.words if wrong else kind.range})"
            for name, kind in option_kinds(type(self)).items()
            if (wrong := kind.mistyped(value := getattr(self, name))) or kind.outside(value)
        ]
        faults += [] if faults else self.contradictions()
        if faults:
            raise OptionError(faults)

    def contradictions(self) -> list[str]:
        """Faults of values that are each within their bounds; a class extends its base's."""
        return []


_known_kinds: dict[type, dict[str, Kind]] = {}


def option_kinds(options: type) -> dict[str, Kind]:
    """What each field of a class of options can be, the class's own before those of its bases."""
    if options not in _known_kinds:
        _known_kinds[options] = _read_kinds(options)
    return _known_kinds[options]


def _read_kinds(options: type) -> dict[str, Kind]:
    hints = typing.get_type_hints(options, include_extras=True)
    own_first = [n for part in options.__mro__ for n in inspect.get_annotations(part)]
    fields = {f.name for f in dataclasses.fields(options)}
    return {name: _kind(hints[name]) for name in own_first if name in fields}


def _kind(hint: Any) -> Kind:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        [inner] = [part for part in arguments if part is not type(None)]
        return dataclasses.replace(_kind(inner), optional=True)
    if origin is Annotated:
        kind = _kind(arguments[0])
        for extra in arguments[1:]:
            name = "range" if isinstance(extra, Range) else "file"
            kind = dataclasses.replace(kind, **{name: extra})
        return kind
    if origin is Literal:
        return Kind(str, choices=arguments)
    if origin is tuple:
        return dataclasses.replace(_kind(arguments[0]), type=tuple)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Kind(dict)
    return Kind(hint)


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a field; None where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def part_of(kind: type[O], options: Any, **changes: Any) -> O:
    """The options of a class among those of an object that has more.

    Parameters
    ----------
    changes : values to take in place of the object's.
    """
    names = [name for name in option_kinds(kind) if name not in changes]
    return kind(**{name: getattr(options, name) for name in names}, **changes)


def with_given(options: O, given: Mapping[str, Any], names: Iterable[str] | None = None) -> O:
    """Options with those values of a mapping that are not None in place of their own.

    Parameters
    ----------
    given : may hold more, such as all flags of a command.
    names : the fields to take; all by default.
    """
    fields = option_kinds(type(options))
    chosen = fields if names is None else names
    changes = {
        name: fields[name].coerced(given[name]) for name in chosen if given.get(name) is not None
    }
    return dataclasses.replace(options, **changes)  # type: ignore[type-var]
