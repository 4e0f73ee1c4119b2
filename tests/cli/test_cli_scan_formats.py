"""Every command that takes a scan, with every format: equal results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bokeh.models import Div
from made_formats import FORMATS, TRAITS, MadeFormat, Truth, made_truth
from pandas.testing import assert_frame_equal

from gwasbone.cli import main
from gwasbone.sumstats.scans import Positions, open_scans
from gwasbone.tables import labelled

KEY = ["chromosome", "base_pair_location", "effect_allele", "other_allele"]
NUMBERS = ["beta", "standard_error", "effect_allele_frequency", "neg_log_10_p_value", "n"]
#: Figures of ``gwasbone plot``, and what draws each.
FIGURES = {
    "manhattan": ["manhattan"],
    "qq": ["qq"],
    "volcano": ["volcano"],
    "stacked": ["stacked_manhattan"],
    "miami": ["miami"],
    "scatter": ["p_scatter", "z_scatter"],
}
#: What a comparison says in units of the effects or of the sample size, which not all formats have.
OF_EFFECTS = {"deming_slope"}
OF_N = {
    "h2", "ld_intercept", "ld_ratio", "rg", "rg_intercept", "polygenic_signal_ratio",
    "deming_slope_per_sd", "deming_heterogeneity", "error_correlation", "leads_same_direction",
    "leads_nominal", "leads_bonferroni", "effective_sample_size_ratio",
}  # fmt: skip


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> Truth:
    return made_truth(tmp_path_factory.mktemp("truth"))


@pytest.fixture(scope="module", params=list(FORMATS))
def given(request, truth, tmp_path_factory) -> tuple[MadeFormat, list[str]]:
    """A format, and the arguments that name its files."""
    made = FORMATS[request.param]
    paths = made.write(truth, tmp_path_factory.mktemp(request.param))
    more = ["--positions", str(truth.positions)] if made.needs_positions else []
    return made, [*map(str, paths), *more]


@pytest.fixture(scope="module")
def ours(truth, tmp_path_factory) -> list[str]:
    return [str(p) for p in FORMATS["ours"].write(truth, tmp_path_factory.mktemp("ours"))]


@pytest.fixture(scope="module")
def expected(ours, tmp_path_factory) -> Callable[..., dict[str, pd.DataFrame]]:
    """Tables of a command on our own files; each command is run once."""
    done: dict[tuple[str, ...], dict[str, pd.DataFrame]] = {}

    def of(command: str, *options: str) -> dict[str, pd.DataFrame]:
        key = (command, *options)
        if key not in done:
            done[key] = tables_of([command, *ours, *options], tmp_path_factory.mktemp("expected"))
        return done[key]

    return of


def tables_of(arguments: list[str], folder: Path) -> dict[str, pd.DataFrame]:
    """Run a command; the tables that it writes, by the ends of their names."""
    assert main([*arguments, "--out", str(folder / "o"), "--force"]) == 0
    return {
        path.name: pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["NA"])
        for path in folder.glob("o.*.tsv")
    }


def without_names(table: pd.DataFrame, made: MadeFormat, *more: str) -> pd.DataFrame:
    """A table without what a format does not carry, traits by their own names."""
    text = [name for name in table if pd.api.types.is_string_dtype(table[name])]
    for name, trait in made.names.items():
        table = table.assign(**{c: table[c].str.replace(name, trait) for c in text})
    lost = set(made.lacks) | {"source_id", "variant", "members", "method", "note"} | set(more)
    if made.standardised:
        lost |= {"beta", "standard_error"}
    return table.drop(columns=[name for name in lost if name in table])


def assert_equal(
    found: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame], made: MadeFormat
) -> None:
    assert set(found) == set(wanted)
    for name, table in wanted.items():
        assert_frame_equal(
            without_names(found[name], made), without_names(table, made), rtol=2e-5,
            check_dtype=False, obj=name,
        )  # fmt: skip


def test_every_format_holds_the_truth(given, truth):
    made, arguments = given
    placed = made.needs_positions
    paths = arguments[:-2] if placed else arguments
    scans = open_scans(paths, positions=Positions.read(truth.positions) if placed else None)
    assert [made.names.get(name, name) for name in scans] == list(TRAITS)
    for scan, table in zip(scans.values(), truth.tables.values(), strict=True):
        found = scan.table()
        assert found[KEY].astype(str).equals(table[KEY].astype(str))
        for name in NUMBERS:
            if name in made.lacks:
                assert found[name].isna().all()
            elif not (made.standardised and name in ("beta", "standard_error")):
                np.testing.assert_allclose(found[name], table[name], rtol=1e-6, err_msg=name)
        assert (np.sign(found["beta"]) == np.sign(table["beta"])).all()
        hits = scan.hits(5.0).table
        rows = (found["neg_log_10_p_value"] > 5).to_numpy()
        pd.testing.assert_frame_equal(hits, found[rows].reset_index(drop=True))


@pytest.mark.parametrize("kind", list(FIGURES))
def test_plot(given, ours, kind, tmp_path, monkeypatch, capsys):
    made, arguments = given
    drawn: list[list[object]] = []
    page = import_module("gwasbone.report.pages.plot")
    monkeypatch.setattr(page, "save_page", lambda *_, **__: None)
    for name in FIGURES[kind]:
        monkeypatch.setattr(page, name, lambda *a, **k: drawn.append([*a, k]) or Div())
    printed = []
    for scans in (ours, arguments):
        names = ["--names", ",".join(TRAITS)] if made.names else []
        assert main(["plot", kind, *scans, *names, "--out", str(tmp_path / "o")]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert len(drawn) in (2, 4)
    half = len(drawn) // 2
    for one, two in zip(drawn[:half], drawn[half:], strict=True):
        assert_drawn_alike(one, two, made)


def assert_drawn_alike(one: object, two: object, made: MadeFormat) -> None:
    """Whether two figures were given the same, but for what a format lacks."""
    assert type(one) is type(two)
    if isinstance(one, pd.DataFrame):
        ends = ("", "_a", "_b")
        lost = {f"{name}{end}" for name in (*made.lacks, "call_rate") for end in ends}
        if made.standardised:
            lost |= {f"{name}{end}" for name in ("beta", "standard_error") for end in ends}
        kept = [name for name in one if name not in lost and name != "source_id"]
        a, b = (t[kept].reset_index(drop=True) for t in (one, two))
        assert_frame_equal(a, b, rtol=1e-6, check_dtype=False)
    elif is_dataclass(one):
        for field in fields(one):
            assert_drawn_alike(getattr(one, field.name), getattr(two, field.name), made)
    elif isinstance(one, dict):
        assert list(one) == list(two)
        for name in one:
            assert_drawn_alike(one[name], two[name], made)
    elif isinstance(one, (list, tuple)):
        for a, b in zip(one, two, strict=True):
            assert_drawn_alike(a, b, made)
    elif isinstance(one, (np.ndarray, float)):
        np.testing.assert_allclose(one, two, rtol=1e-6)
    else:
        assert one == two


@pytest.mark.parametrize("genotypes", [True, False])
def test_clump(given, expected, truth, genotypes, tmp_path):
    made, arguments = given
    options = ["--build", "GRCh37", "--p1", "1e-6"]
    options += ["--bfile", str(truth.folder / "g")] if genotypes else ["--distance-only"]
    if genotypes and made.needs_positions:
        arguments = arguments[:-2]  # the genotypes know the places
    found = tables_of(["clump", *arguments, *options], tmp_path)
    wanted = expected("clump", *options)
    assert len(wanted["o.clumps.tsv"]) > 10
    assert_equal(found, wanted, made)


@pytest.mark.parametrize("genotypes", [True, False])
def test_select(given, expected, truth, genotypes, tmp_path):
    made, arguments = given
    options = ["--bfile", str(truth.folder / "g"), "--build", "GRCh37"] if genotypes else []
    found = tables_of(["select", *arguments, *options], tmp_path)
    wanted = expected("select", *options)
    assert len(wanted["o.selected.tsv"]) > 5
    lacking = {
        name: without_names(t, made, "call_rate", "test", "dof") for name, t in found.items()
    }
    assert_equal(
        lacking,
        {n: without_names(t, made, "call_rate", "test", "dof") for n, t in wanted.items()},
        made,
    )


def test_compare(given, expected, truth, tmp_path, monkeypatch):
    made, arguments = given
    if not made.lacks:  # the page is drawn of what lacks something
        monkeypatch.setattr(
            "gwasbone.report.pages.comparison.comparison_page", lambda *_, **__: None
        )
    options = ["--loci", str(truth.folder / "known.tsv"), "--ld-scores", str(truth.folder / "ld")]
    found = tables_of(["compare", *arguments, *options], tmp_path)
    wanted = dict(expected("compare", *options))
    name = "o.comparison.tsv"
    left_out = (OF_N if "n" in made.lacks else set()) | (OF_EFFECTS if made.standardised else set())
    if "n" in made.lacks:
        h2 = found[name].query("quantity == 'h2'")
        assert h2["value"].isna().all()
        assert h2["note"].str.contains(r"sample sizes \(n\) are missing").all()
        left_out = left_out | {f"{quantity}_difference" for quantity in left_out}
    for tables in (found, wanted):
        kept = ~tables[name]["quantity"].isin(left_out)
        kept &= ~tables[name]["quantity"].str.endswith("_expected")
        tables[name] = tables[name][kept].reset_index(drop=True)
    assert len(wanted[name]) > 10
    lost = ("standardised", "standardised_se")
    assert_equal(
        {n: without_names(t, made, *lost) for n, t in found.items()},
        {n: without_names(t, made, *lost) for n, t in wanted.items()},
        made,
    )


def test_labels_are_those_of_the_tables(truth):
    """X is 23 in Python and X in files: the truth holds some."""
    assert "X" in set(labelled(truth.tables[TRAITS[0]])["chromosome"])
