"""Verbs stand once: a short module each in ``steps``, called by the command and by the stage."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "gwasbone"
STAGES = {path.stem for path in (ROOT / "steps").glob("*stage*.py")}
#: Those of learning, which are still to be made short.
NOT_YET = {
    "genotype_inputs", "genotype_job", "genotype_models", "genotype_saliency", "predict",
    "residuals", "saliency", "train", "train_inputs", "transformer_residuals",
}  # fmt: skip
VERBS = sorted({path.stem for path in (ROOT / "steps").glob("[a-z]*.py")} - STAGES - NOT_YET)

#: Verbs of a command alone, and why no stage calls them.
OF_A_COMMAND = {
    "plot": "the stages draw pages of their own",
    "predict": "a study predicts its own participants out of fold",
}
#: Lines of a module and of a function, their docstrings included.
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 100, 60


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


@pytest.mark.parametrize("module", [*VERBS, *sorted(STAGES)])
def test_a_verb_fits_on_a_screen(module):
    text = (ROOT / "steps" / f"{module}.py").read_text()
    if module in VERBS:
        assert len(text.splitlines()) <= MOST_LINES
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    lengths = {n.name: (n.end_lineno or n.lineno) - n.lineno + 1 for n in functions}
    assert {n: lines for n, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}
