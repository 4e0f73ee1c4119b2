"""What is imported before a command is known; the time of it is printed, not judged."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import click
import pytest

from gwasbone.cli import COMMANDS, cli, main

#: None of these is needed to show help, and each takes longer than Python itself.
HEAVY = ("hail", "pyspark", "bokeh", "pandas", "numpy", "scipy", "pyarrow", "msprime", "keras")

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
        "from gwasbone.cli import main; main(['mr'])",
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
