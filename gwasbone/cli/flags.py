"""Flags out of classes of options: type, bounds, default and help are those of the class.

A flag that is not given is None: the study's value holds then, or the default of the class, which
the help shows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import click

from gwasbone.docstrings import parameter_docs
from gwasbone.options import Kind, Options, default_of, option_kinds

F = TypeVar("F", bound=Callable[..., Any])

#: Flags that are not called like their field.
FLAG_NAMES = {
    "regions": "--region",
    "covariates": "--covar",
    "n_components": "--components",
    "p_threshold": "--p",
    "attention_heads": "--heads",
    "window_kb": "--gene-window",
    "regional_plots": "--regional",
    "formats": "--format",
}


class Names(click.ParamType):
    """Names separated by commas.

    Parameters
    ----------
    choices : the names that there are; any where empty.
    """

    name = "list"

    def __init__(self, choices: Collection[str] = ()) -> None:
        self.choices = choices

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(",") if name.strip())
        unknown = [name for name in names if self.choices and name not in self.choices]
        if unknown or (self.choices and not names):
            known = ", ".join(self.choices)
            self.fail(f"expected one or more of {known}, got {', '.join(unknown or ['none'])}")
        return names


class OfferedChoice(click.Choice):  # type: ignore[type-arg]
    """One of the choices of an option; those that are not offered are taken, but never named.

    Parameters
    ----------
    kind : of the option.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__(list(kind.choices))
        self.offered = kind.offered

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(self.offered)}]"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if value not in self.choices:
            self.fail(f"expected {' or '.join(self.offered)}, got {value}", param, ctx)
        return str(value)


class NumbersByName(click.ParamType):
    """``shift=0.02,rotate=3``."""

    name = "name=number,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        found = {}
        for part in filter(None, str(value).split(",")):
            name, _, number = part.partition("=")
            try:
                found[name.strip()] = float(number)
            except ValueError:
                self.fail(f"{part}: expected NAME=NUMBER", param, ctx)
        return found


def option_flags(
    options: type[Options],
    *,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
    before_help: str = "",
) -> Callable[[F], F]:
    """Flags of the fields of a class of options, None where they are not given.

    Parameters
    ----------
    only, skip : the fields to take (all by default), and those to leave out.
    before_help : begins the help of each.
    """
    docs = parameter_docs(options)
    kinds = option_kinds(options)
    fields = {f.name: f for f in dataclasses.fields(options)}  # type: ignore[arg-type]
    names = [n for n in (kinds if only is None else only) if n not in skip]

    def decorate(function: F) -> F:
        for name in reversed(names):
            text = before_help + _sentence(docs[name], capital=not before_help)
            made = _flag(name, kinds[name], default_of(fields[name]), text)
            function = made(function)
        return function

    return decorate


def missing_share_flag(options: type[Options], field: str, flag: str, of: str) -> Callable[[F], F]:
    """A flag for the maximum missing call rate, where the option is a minimum call rate.

    Parameters
    ----------
    field : the call rate; :func:`call_rates` turns flags back.
    of : what has the calls, for the help.
    """
    rate = default_of({f.name: f for f in dataclasses.fields(options)}[field])  # type: ignore[arg-type]
    return click.option(
        flag, f"missing_{field}", type=_click_type(option_kinds(options)[field]),
        help=f"Maximum proportion of missing calls per {of}.  [default: {1 - rate:g}]",
    )  # fmt: skip


def call_rates(flags: Mapping[str, Any]) -> dict[str, float]:
    """The call rates that the flags of :func:`missing_share_flag` ask for.

    >>> call_rates({"missing_sample_call_rate": 0.25, "missing_variant_call_rate": None})
    {'sample_call_rate': 0.75}
    """
    prefix = "missing_"
    given = {n.removeprefix(prefix): v for n, v in flags.items() if n.startswith(prefix)}
    return {name: 1 - share for name, share in given.items() if share is not None}


def flag_of(name: str) -> str:
    """The flag of a field.

    >>> flag_of("batch_size"), flag_of("regions")
    ('--batch-size', '--region')
    """
    return FLAG_NAMES.get(name, f"--{name.replace('_', '-')}")


def given_flags(flags: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """The flags among the named fields that were given."""
    return [flag_of(name) for name in names if flags.get(name) is not None]


def _flag(name: str, kind: Kind, default: Any, text: str) -> Callable[[F], F]:
    flag = flag_of(name)
    shown = f"{text}{_shown_default(flag, default)}"
    if kind.type is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=shown)
    metavar = "FILE" if kind.file is not None else None
    return click.option(flag, name, type=_click_type(kind), metavar=metavar, help=shown)


def _click_type(kind: Kind) -> click.ParamType:
    if kind.type is tuple:
        return Names(kind.choices)
    if kind.choices:
        return OfferedChoice(kind)
    if kind.type is dict:
        return NumbersByName()
    if kind.type not in (int, float):
        return click.STRING
    if kind.range is None:
        return click.INT if kind.type is int else click.FLOAT
    low, high = (
        None if math.isinf(end) else kind.type(end) for end in (kind.range.low, kind.range.high)
    )
    made = click.IntRange if kind.type is int else click.FloatRange
    return made(
        low, high, min_open=kind.range.open_low and low is not None,
        max_open=kind.range.open_high and high is not None,
    )  # fmt: skip


def _shown_default(flag: str, default: Any) -> str:
    if default is None or default in ((), {}):
        return ""
    if isinstance(default, bool):
        shown = flag[2:] if default else f"no-{flag[2:]}"
    elif isinstance(default, tuple):
        shown = ",".join(default)
    else:
        shown = f"{default:g}" if isinstance(default, float) else str(default)
    return f"  [default: {shown}]"


def _sentence(doc: str, *, capital: bool) -> str:
    text = " ".join(doc.split())
    first = text[:1].upper() if capital else text[:1]
    return f"{first}{text[1:].rstrip('.')}."
