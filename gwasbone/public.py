"""Public names of a package, listed in its ``__init__.pyi`` and imported when first used.

The stub is the one list: type checkers and editors read it as it stands, and at run time
:func:`publish` finds in it which module each name is to be imported from. So ``import gwasbone``
stays fast, and ``gb.loci.clump`` is the function of that name even after its module of the same
name was imported.
"""

from __future__ import annotations

import ast
import importlib
import sys
from types import ModuleType
from typing import Any


class _Namespace(ModuleType):
    """A package that imports its public names on first use and lists nothing else."""

    _homes: dict[str, tuple[str, str | None]]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}; it has: "
                f"{', '.join(sorted(self._homes))}"
            )
        module, attribute = self._homes[name]
        found = importlib.import_module(module)
        value = found if attribute is None else getattr(found, attribute)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system sets a submodule on its package. A function of the same name is
        # what users mean; the module is in sys.modules all the same.
        of_function = name in self._homes and self._homes[name][1] is not None
        if not (of_function and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted([*self._homes, *(name for name in self.__dict__ if name.startswith("__"))])


def publish(package: str) -> list[str]:
    """Make the names of a package's stub its public names; returns them for ``__all__``.

    Parameters
    ----------
    package : ``__name__`` of the package, which lies beside its ``__init__.pyi``.
    """
    module = sys.modules[package]
    assert module.__file__ is not None
    # by the loader, since on the executors of a cluster the package lies in a zip
    loader: Any = module.__loader__
    stub = loader.get_data(module.__file__.removesuffix(".py") + ".pyi").decode("utf-8")
    homes = _homes(ast.parse(stub), package)
    module.__dict__["_homes"] = homes
    module.__class__ = _Namespace
    return sorted(homes)


def _homes(stub: ast.Module, package: str) -> dict[str, tuple[str, str | None]]:
    """Public name -> (module, attribute); no attribute where the name is a module."""
    homes: dict[str, tuple[str, str | None]] = {}
    for node in stub.body:
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            name = alias.asname or alias.name
            is_module = node.module == "gwasbone"
            homes[name] = (
                (f"gwasbone.{alias.name}", None) if is_module else (str(node.module), alias.name)
            )
    return homes
