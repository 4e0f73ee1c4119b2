"""The command line: parse, call, print. No science.

Commands live in modules of their own and are imported only when asked for, so that
``gwasbone --help`` answers at once.
"""

from __future__ import annotations

import importlib
import sys

import click

from gwasbone.errors import GwasboneError, NotBuiltError

#: Command -> (module, one line of help). The function in the module is called ``command``.
COMMANDS = {
    "demo": ("gwasbone.cli.demo", "Simulate a small study and run all of it."),
    "simulate": ("gwasbone.cli.simulate", "Simulate genotypes and phenotypes with known truth."),
    "run": ("gwasbone.cli.run", "Run the stages of a study.toml that are not up to date."),
    "config": ("gwasbone.cli.config", "Show or check a study.toml."),
    "qc": ("gwasbone.cli.qc", "Quality control of people and variants."),
    "ancestry": ("gwasbone.cli.ancestry", "Keep people near a reported ancestry group."),
    "relatedness": ("gwasbone.cli.relatedness", "Find relatives and a set of unrelated people."),
    "prune": ("gwasbone.cli.prune", "Prune variants in linkage disequilibrium."),
    "pca": ("gwasbone.cli.pca", "Principal components of the kept people."),
    "assoc": ("gwasbone.cli.assoc", "Scan traits against the genome."),
    "select": ("gwasbone.cli.select", "Lead variants of scans by blocks of the genome."),
}

#: Commands of the contract that later versions bring.
_LATER = """
images train predict residuals phenotypes clump compare munge meta h2 rg mr pleiotropy coloc
mediate plot report
"""
NOT_BUILT = frozenset(_LATER.split())


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in NOT_BUILT:
            raise NotBuiltError(f"gwasbone {name}: not built yet in this version")
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gwasbone")
def cli() -> None:
    """Genome-wide association of bone phenotypes on Hail.

    Inside a folder with a study.toml every command takes from it what flags do not give, so that
    `gwasbone assoc --pheno cnn_prob` is enough. Start with `gwasbone demo`.
    """


def main(arguments: list[str] | None = None) -> int:
    """Entry point: exit code 0 done, 1 the data or run failed, 2 the command line is wrong."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        cli.main(arguments, prog_name="gwasbone", standalone_mode=False)
        return 0
    except click.exceptions.Abort:
        return _fail("interrupted; what was finished is kept", 1)
    except click.ClickException as error:
        error.show()
        return 2
    except GwasboneError as error:
        if "--debug" in arguments:
            raise
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; what was finished is kept", 1)
    except OSError as error:
        if "--debug" in arguments:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 1)
    except Exception as error:
        if "--debug" in arguments:
            raise
        return _fail(unexpected(error), 1)


def unexpected(error: Exception) -> str:
    """One line for an error nobody planned for; those of Hail carry a Java stack that is cut."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    detail = next((ln for ln in lines if "No space left" in ln), lines[0] if lines else "")
    if "No space left" in detail:
        return f"disk full while writing ({detail}): free some space and run it again"
    return f"unexpected {type(error).__name__}: {detail} (give --debug for the traceback)"


def _fail(message: str, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    return code
