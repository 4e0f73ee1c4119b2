"""Formulas of sex, age, weight and other columns, as models of a trait.

A formula is the right side of a model as R and statsmodels write it, such as ``C(sex) +
C(sex):Age40 + poly(Weight75, 2) + (1 | person)``; ``(1 | person)`` is a random intercept for each
participant, without which the model is ordinary least squares. Patsy, which reads the formulas of
statsmodels, runs what stands in them as Python; so only the names of columns, numbers, operators
and the functions of :data:`FUNCTIONS` are let through to it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, listed, reads
from gwasbone.phenotypes.confounders import (
    AGE,
    AGE_ORIGIN,
    SEX,
    WEIGHT,
    WEIGHT_ORIGIN,
    Confounders,
    ModelMatrix,
)
from gwasbone.phenotypes.table import numbers

FloatArray = npt.NDArray[np.float64]

#: Age from 40 years and weight from 75 kg, beside the columns of the table.
AGE_40, WEIGHT_75 = "Age40", "Weight75"

_RANDOM = re.compile(r"\+?\s*\(\s*1\s*\|\s*(?:person|IID)\s*\)")
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.BitOr, ast.USub, ast.UAdd)
#: Names that patsy itself knows.
_OF_PATSY = ("C", "I", "Q", "bs", "cr", "cc", "center", "standardize")


def _powers(x: npt.ArrayLike, degree: int) -> FloatArray:
    """(n, degree) raw powers, which span what the orthogonal polynomials of R's ``poly`` do."""
    values = np.asarray(x, dtype=np.float64)
    return np.column_stack([values**k for k in range(1, int(degree) + 1)])


#: What may be called in a formula, beside the functions of patsy.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "poly": _powers, "log": np.log, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt,
    "exp": np.exp,
}  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """The right side of a model.

    Parameters
    ----------
    text : as it was given.
    fixed : the fixed effects, without the random intercept.
    names : columns that it uses, in the order of their first use.
    random_intercept : whether each participant has an intercept of their own.
    """

    text: str
    fixed: str
    names: tuple[str, ...]
    random_intercept: bool


def read_formula(text: str) -> Formula:
    """Read the right side of a model.

    Parameters
    ----------
    text : fixed effects in the language of statsmodels' formulas, and perhaps ``(1 | person)``. A
        left side (``bmd ~``) is left out, since the trait is chosen elsewhere.

    Raises
    ------
    InputError
        It is no formula, it calls a function other than those of :data:`FUNCTIONS` and patsy's
        ``C I Q bs cr cc center standardize``, or its random effects are others than an intercept
        for each participant.

    Examples
    --------
    >>> formula = read_formula("C(sex) + C(sex):Age40 + poly(Weight75, 2) + (1 | person)")
    >>> formula.names, formula.random_intercept
    (('sex', 'Age40', 'Weight75'), True)
    """
    right = text.rpartition("~")[2]
    fixed, n_random = _RANDOM.subn("", right)
    fixed = fixed.strip().removeprefix("+").strip() or "1"
    if n_random > 1 or "|" in fixed:
        raise InputError(
            f"formula {text}: expected (1 | person) once at most and no other random effects: "
            "slopes of each participant are not fitted, take them out"
        )
    try:
        # a colon is an interaction, which Python does not know as an operator
        tree = ast.parse(fixed.replace(":", "|"), mode="eval")
    except SyntaxError as error:
        raise InputError(
            f"formula {text}: expected terms such as C(sex) + C(sex):Age40 + poly(Weight75, 2), "
            f"it cannot be read: {error.msg}"
        ) from error
    return Formula(text.strip(), fixed, tuple(dict.fromkeys(_names_in(tree, text))), bool(n_random))


def _names_in(tree: ast.AST, text: str) -> list[str]:
    """Columns that a formula uses; whatever is neither these nor allowed is refused."""
    names: list[str] = []
    allowed = (*FUNCTIONS, *_OF_PATSY)

    def refuse(what: str) -> None:
        raise InputError(
            f"formula {text}: expected columns, numbers, + - * / : ** and the functions "
            f"{', '.join(sorted(allowed))}, got {what}"
        )

    def visit(node: ast.AST) -> None:
        match node:
            case ast.Expression(body=body):
                visit(body)
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATORS):
                visit(left)
                visit(right)
            case ast.UnaryOp(op=op, operand=operand) if isinstance(op, _OPERATORS):
                visit(operand)
            case ast.Call(func=ast.Name(id="Q"), args=[ast.Constant(value=str(name))], keywords=[]):
                names.append(name)
            case ast.Call(func=ast.Name(id=called), args=arguments, keywords=keywords) if (
                called in allowed and called != "Q"
            ):
                for argument in [*arguments, *(k.value for k in keywords)]:
                    visit(argument)
            case ast.Name(id=name):
                names.append(name)
            case ast.Constant(value=int() | float()):
                pass
            case _:
                refuse(ast.unparse(node))

    visit(tree)
    return names


@reads("a list of formulas")
def read_formulas(path: str | Path) -> tuple[Formula, ...]:
    """Read formulas, one a line; ``#`` starts a comment.

    Raises
    ------
    InputError
        No formula, one formula twice, or one that cannot be read.
    """
    lines = [line.partition("#")[0].strip() for line in Path(path).read_text().splitlines()]
    formulas = tuple(read_formula(line) for line in lines if line)
    if not formulas:
        raise InputError(f"{path}: expected formulas, one a line, it has none")
    texts = [formula.text for formula in formulas]
    twice = [text for text in dict.fromkeys(texts) if texts.count(text) > 1]
    if twice:
        raise InputError(f"{path}: expected each formula once, {listed(twice)} is there twice")
    return formulas


def formula_columns(
    formulas: tuple[Formula, ...], assessments: pd.DataFrame, found: Confounders
) -> pd.DataFrame:
    """The columns that formulas use, one row per assessment.

    ``sex`` is text (NaN unknown), ``age``, ``weight``, ``Age40`` and ``Weight75`` are those of
    ``found``; of the table's other columns, numbers are numbers and text is a category.

    Raises
    ------
    InputError
        A name that is no column; all are named.
    """
    plain = assessments.reset_index(drop=True)
    sexes = np.array([*found.sexes, None], dtype=object)
    own: dict[str, Any] = {
        SEX: sexes[np.where(np.isnan(found.sex), len(found.sexes), found.sex).astype(int)],
        AGE: found.age, WEIGHT: found.weight,
        AGE_40: found.age - AGE_ORIGIN, WEIGHT_75: found.weight - WEIGHT_ORIGIN,
    }  # fmt: skip
    wanted = dict.fromkeys(name for formula in formulas for name in formula.names)
    unknown = [name for name in wanted if name not in own and name not in plain.columns]
    if unknown:
        known = listed([*own, *(str(n) for n in plain.columns if n not in own)])
        raise InputError(
            f"formula: expected columns of the table of assessments, got {listed(unknown)}: there "
            f"are {known}"
        )
    columns = {}
    for name in wanted:
        if name in own:
            columns[name] = own[name]
        elif pd.api.types.is_numeric_dtype(plain[name]):
            columns[name] = numbers(plain, name)
        else:
            columns[name] = plain[name].astype(object).where(plain[name].notna(), None)
    return pd.DataFrame(columns, index=plain.index)


def formula_matrix(formula: Formula, columns: pd.DataFrame) -> ModelMatrix:
    """The fixed effects of a formula for complete rows.

    Parameters
    ----------
    columns : (n,) rows of :func:`formula_columns`, none missing.

    Raises
    ------
    InputError
        Patsy cannot make the terms, or one is not finite (the logarithm of 0).
    """
    # half a second to import: only where formulas are given
    import patsy

    try:
        made = patsy.dmatrix(formula.fixed, columns, patsy.EvalEnvironment([dict(FUNCTIONS)]))
    except patsy.PatsyError as error:
        said = str(error).splitlines()[0]
        raise InputError(f"formula {formula.text}: its terms cannot be made: {said}") from error
    X = np.asarray(made, dtype=np.float64)
    info = made.design_info
    infinite = [info.column_names[j] for j in np.flatnonzero(~np.isfinite(X).all(axis=0))]
    if infinite:
        raise InputError(
            f"formula {formula.text}: expected finite terms, {listed(infinite)} is not for some "
            "assessments: leave them out or change the term"
        )
    steps = [""] * X.shape[1]
    for term, place in info.term_name_slices.items():
        steps[place] = ["" if term == "Intercept" else term] * (place.stop - place.start)
    terms = ("intercept" if n == "Intercept" else n for n in info.column_names)
    return ModelMatrix(X, tuple(terms), tuple(steps), formula.fixed)
