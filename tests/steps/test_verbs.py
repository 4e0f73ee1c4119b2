"""Verbs stand once: a short module each in ``steps``, called by the command and by the stage."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "gwasbone"
STAGES = {path.stem for path in (ROOT / "steps").glob("*stage*.py")}
VERBS = sorted({path.stem for path in (ROOT / "steps").glob("[a-z]*.py")} - STAGES)

#: Verbs of a command alone, and why no stage calls them.
OF_A_COMMAND = {
    "coloc": "which two scans share variants is asked for by command",
    "ldsc": "heritabilities and correlations are asked for by command",
    "mr": "effects of exposures are asked for by command",
    "plot": "the stages draw pages of their own",
    "predict": "a study predicts its own participants out of fold",
}
#: Lines of code of a module, and lines of a function with its docstring.
MAX_LINES = 60


def _callers(verb: str) -> set[str]:
    """The rooms ``cli`` and ``stages`` that import a module of ``steps``."""
    stages = [ROOT / "steps" / f"{name}.py" for name in STAGES]
    found = set()
    for room, paths in (("cli", sorted((ROOT / "cli").glob("*.py"))), ("stages", stages)):
        for path in paths:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (
                    node.module == f"gwasbone.steps.{verb}"
                    or (node.module == "gwasbone.steps" and verb in {a.name for a in node.names})
                ):
                    found.add(room)
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_called_by_its_command_and_by_its_stage(verb):
    assert _callers(verb) == ({"cli"} if verb in OF_A_COMMAND else {"cli", "stages"})


def _lines(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def _lines_of_code(text: str) -> int:
    """Lines that are no docstring, import, comment or blank."""
    other: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, (ast.Import, ast.ImportFrom)):
            other |= _lines(node)
    code = [line.strip() for i, line in enumerate(text.splitlines(), start=1) if i not in other]
    return sum(bool(line) and not line.startswith("#") for line in code)


@pytest.mark.parametrize("module", [*VERBS, *sorted(STAGES)])
def test_a_verb_fits_on_a_screen(module):
    text = (ROOT / "steps" / f"{module}.py").read_text()
    if module in VERBS:
        assert _lines_of_code(text) <= MAX_LINES
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    lengths = {n.name: len(_lines(n)) for n in functions}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
