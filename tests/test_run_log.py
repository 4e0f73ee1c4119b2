"""The versions that a log states."""

from __future__ import annotations

from importlib.metadata import version

import pytest

import gwasbone
from gwasbone import run_log


@pytest.fixture
def _anew():
    run_log._versions.cache_clear()
    yield
    run_log._versions.cache_clear()


@pytest.mark.usefixtures("_anew")
def test_versions_are_those_of_the_packages_metadata():
    found = run_log.versions()
    for name in ("numpy", "scipy", "pandas", "hail", "statsmodels", "msprime"):
        assert found[name] == version(name)
    assert found["gwasbone"] == gwasbone.__version__


@pytest.mark.usefixtures("_anew")
def test_versions_are_found_without_folders_of_metadata(monkeypatch):
    """As of packages in an archive, where the folders cannot be listed."""
    monkeypatch.setattr(run_log, "_installed", dict)
    assert run_log.versions()["numpy"] == version("numpy")
    monkeypatch.setattr(run_log, "_PACKAGES", ("no-such-package",))
    run_log._versions.cache_clear()
    assert "no-such-package" not in run_log.versions()
