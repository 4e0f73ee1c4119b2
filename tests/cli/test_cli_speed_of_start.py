"""What is imported before a command is known; the time of it is printed, not judged."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import click
import pytest

from gwasbone.cli import COMMANDS, cli, main

#: None of these is needed to show help, and each takes longer than Python itself.
HEAVY = ("hail", "pyspark", "bokeh", "pandas", "numpy", "scipy", "pyarrow", "msprime", "keras")

EXAMPLE = resources.files("gwasbone") / "resources" / "example"

_REPORT = "; import sys, json; print(); print(json.dumps(sorted(sys.modules)))"


def _imported_by(code: str) -> set[str]:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code + _REPORT], capture_output=True, text=True, check=True
    )
    print(f"{code}: {time.perf_counter() - started:.2f} s with Python's own start")
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import gwasbone",
        "from gwasbone.cli import main; main(['--help'])",
        "from gwasbone.cli import main; main(['--version'])",
        "from gwasbone.cli import main; main(['meta'])",
        "from gwasbone.cli import main; [main([n, '--help']) for n in "
        + repr(list(COMMANDS))
        + "]",
    ],
    ids=["import", "help", "version", "not built", "help of every command"],
)
def test_nothing_heavy_is_imported(code):
    assert not _imported_by(code) & set(HEAVY)


def test_a_scan_outside_a_study_imports_no_study_and_no_options_of_other_methods():
    modules = (
        "gwasbone.cli.assoc, gwasbone.cli.context, gwasbone.steps.scan, gwasbone.study.requests"
    )
    rooms = ("study.config", "study.runner", "learning.options", "loci.options", "blocks.spark")
    assert not _imported_by(f"import {modules}") & {f"gwasbone.{name}" for name in rooms}


def _imported_by_command(*arguments: object) -> set[str]:
    words = [str(argument) for argument in arguments]
    return _imported_by(f"from gwasbone.cli import main; assert main({words!r}) == 0")


def _write_complete_cohort(folder: Path) -> Path:
    """Prefix of 4 variants of 40 participants without missing calls, and a table of a trait."""
    draw, prefix = random.Random(1), folder / "g"
    calls = [sum(draw.choice((0, 2, 3)) << 2 * i for i in range(4)) for _ in range(4 * 10)]
    prefix.with_suffix(".bed").write_bytes(b"\x6c\x1b\x01" + bytes(calls))
    bim = "".join(f"1\trs{i}\t0\t{1000 + i}\tA\tG\n" for i in range(4))
    prefix.with_suffix(".bim").write_text(bim)
    fam = "".join(f"p{i} p{i} 0 0 {1 + i % 2} -9\n" for i in range(40))
    prefix.with_suffix(".fam").write_text(fam)
    rows = "".join(f"p{i}\t{draw.gauss(0, 1):.4f}\t{draw.gauss(0, 1):.4f}\n" for i in range(40))
    prefix.with_suffix(".tsv").write_text(f"IID\tbmd\tage\n{rows}")
    return prefix


def _rooms(modules: set[str], name: str) -> list[str]:
    return sorted(module for module in modules if module.partition(".")[0] == name)


def test_a_small_scan_loads_no_compiler_no_scipy_and_no_plots(tmp_path):
    prefix = _write_complete_cohort(tmp_path)
    imported = _imported_by_command(
        "assoc", "--bfile", prefix, "--build", "GRCh37", "--pheno", "bmd", "--pheno-file",
        f"{prefix}.tsv", "--covar", "age", "--no-plots", "--out", tmp_path / "out",
    )  # fmt: skip
    for name in ("numba", "scipy", "bokeh", "hail", "sklearn", "statsmodels"):
        assert _rooms(imported, name) == []
    assert "importlib.metadata" not in imported
    assert not imported & {"gwasbone.cohort.statistics", "gwasbone.cohort.prune"}


def test_quality_control_without_a_page_loads_no_plots(tmp_path):
    source = ["--bfile", EXAMPLE, "--build", "GRCh37"]
    imported = _imported_by_command("qc", *source, "--no-plots", "--out", tmp_path / "out")
    assert _rooms(imported, "bokeh") == []
    assert not [name for name in imported if name.startswith(("gwasbone.report", "gwasbone.plots"))]


def test_the_check_sees_what_is_imported():
    assert "pandas" in _imported_by("import gwasbone; gwasbone.Cohort")


def _commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    commands: dict[str, click.Command] = {"": cli}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        commands[name] = command
        if isinstance(command, click.Group):
            commands |= {f"{name} {sub}": c for sub, c in command.commands.items()}
    return commands


@pytest.mark.parametrize("name", _commands())
def test_every_help_has_an_example_of_its_own_command(name, capsys):
    assert main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example" in text
    example = text[text.index("Example") :]
    assert f"gwasbone {name or 'demo'}" in example


@pytest.mark.parametrize("name", _commands())
def test_every_option_says_what_it_does(name):
    command = _commands()[name]
    options = [p for p in command.params if isinstance(p, click.Option)]
    silent = [option.name for option in options if not option.help]
    assert silent == []


def test_the_example_of_a_command_is_a_command_line_that_parses():
    """Options in the examples exist, so help cannot drift from the code."""
    for name, command in _commands().items():
        known = {word for p in command.params for word in (*p.opts, *p.secondary_opts)}
        lines = (command.epilog or "").replace("\\\n", " ").splitlines()
        for line in lines:
            own = [part for part in line.split("&&") if f"gwasbone {name} " in part]
            for part in own if name else []:
                used = {word for word in part.split() if word.startswith("--")}
                assert used <= known, (name, used - known)
