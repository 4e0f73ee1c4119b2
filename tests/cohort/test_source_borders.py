"""Sources answer for themselves: nobody outside asks their type, and modules know one another
in one direction only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "gwasbone"
COHORT = ROOT / "cohort"

#: Functions that ask an object of what type it is, or what it happens to have.
TYPE_CHECKS = ("isinstance", "issubclass", "type", "hasattr")


def _asks_the_type_of_a_source(tree: ast.AST) -> list[int]:
    """Lines on which a type check takes ``x.source`` or ``source`` of a cohort."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in TYPE_CHECKS
        and node.args
        and isinstance(node.args[0], ast.Attribute)
        and node.args[0].attr == "source"
    ]


@pytest.mark.parametrize(
    "code", ["isinstance(cohort.source, A)", "hasattr(c.source, 'x')", "type(a.b.source) is A"]
)
def test_the_reader_sees_a_question_for_the_type(code):
    assert _asks_the_type_of_a_source(ast.parse(code)) == [1]


def test_nobody_outside_asks_a_source_its_type():
    asked = {}
    for path in sorted(ROOT.rglob("*.py")):
        if COHORT / "sources" not in path.parents:
            lines = _asks_the_type_of_a_source(ast.parse(path.read_text()))
            asked |= {f"{path.relative_to(ROOT)}:{line}": 1 for line in lines}
    assert asked == {}


def test_classes_of_sources_are_named_by_sources_only():
    """A MatrixTable that a study kept is opened again as a source by the study."""
    classes = {"BedSource", "BgenSource", "MatrixTableSource", "PgenSource"}
    naming = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if COHORT / "sources" not in path.parents
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id in classes
    }
    assert naming <= {"study/files.py"}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path, modules: set[str]) -> set[str]:
    """Modules that a module imports, in functions, for types and by their name as text too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found & modules - {_module(path)}


def _in_a_circle(graph: dict[str, set[str]]) -> set[str]:
    """Modules from which a way of imports leads back to them."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(graph[start])
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += graph[name]
        return seen

    return {name for name in graph if name in reached(name)}


def test_a_circle_is_seen():
    assert _in_a_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {"b", "c"}


def test_no_import_circles_within_the_cohort():
    paths = [path for path in COHORT.rglob("*.py") if path.name != "__init__.py"]
    modules = {_module(path) for path in paths}
    graph = {_module(path): _imports(path, modules) for path in paths}
    assert graph["gwasbone.cohort.read"] >= {
        "gwasbone.cohort.model",
        "gwasbone.cohort.sources.bed",  # by its name in FORMATS
    }
    assert _in_a_circle(graph) == set()


def test_sources_know_nothing_of_the_cohort_but_its_masks():
    known = {
        name
        for path in (COHORT / "sources").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (name := node.module or "")
        if name.startswith("gwasbone.cohort") and not name.startswith("gwasbone.cohort.sources")
    }
    assert known == {"gwasbone.cohort.masks"}


def test_blocks_do_not_know_the_cohort():
    for path in (ROOT / "blocks").rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = [
            n.module or "" if isinstance(n, ast.ImportFrom) else str(n.value)
            for n in ast.walk(tree)
            if isinstance(n, (ast.ImportFrom, ast.Constant))
        ]
        assert [n for n in names if n.startswith("gwasbone.cohort")] == [], path
