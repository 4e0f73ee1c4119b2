"""What the examples in docstrings find: the package, a folder of their own, one Hail session.

The tests' own fixtures are in ``tests/conftest.py``.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

#: Modules whose examples start Hail.
WITH_HAIL = ("gwasbone.association.associate", "gwasbone.association.hail", "gwasbone.cohort.model")


@pytest.fixture(scope="session")
def hail_session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The hail module, started once for the whole run."""
    from gwasbone import session

    folder = tmp_path_factory.mktemp("hail")
    session.configure(session.SessionOptions(folder=folder, memory_gb=3))
    return session.hail()


@pytest.fixture(autouse=True)
def examples_find(request: pytest.FixtureRequest) -> None:
    """Names that examples in docstrings use: ``gb``, ``np``, ``pd``, ``example``, ``folder``."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    import numpy as np
    import pandas as pd

    import gwasbone as gb

    if request.node.name.startswith(WITH_HAIL):
        request.getfixturevalue("hail_session")
    namespace: dict[str, Any] = request.getfixturevalue("doctest_namespace")
    folder: Path = request.getfixturevalue("tmp_path")
    example = Path(str(resources.files("gwasbone") / "resources"))
    namespace.update(gb=gb, np=np, pd=pd, example=example, folder=folder)
