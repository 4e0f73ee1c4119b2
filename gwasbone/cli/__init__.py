"""The command line: parse, call, print. No science.

Commands live in modules of their own and are imported only when asked for, so that
``gwasbone --help`` answers at once.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import signal
import sys
import traceback
from typing import Any, TextIO

import click

from gwasbone.cli.file_words import ignored_files, join_file_words
from gwasbone.errors import GwasboneError, NotBuiltError

#: Command -> (module, one line of help). The function in the module is called ``command``.
COMMANDS = {
    "demo": ("gwasbone.cli.demo", "Simulate a small study and run all of its stages."),
    "simulate": ("gwasbone.cli.simulate", "Simulate genotypes, phenotypes and images."),
    "images": ("gwasbone.cli.images", "Convert DICOM files of bone scans to an image cache."),
    "train": ("gwasbone.cli.train", "Train networks that predict phenotypes from images."),
    "predict": ("gwasbone.cli.predict", "Apply trained networks to new images."),
    "phenotypes": (
        "gwasbone.cli.phenotypes",
        "Derive cases and bone measurements from biobank records.",
    ),
    "residuals": ("gwasbone.cli.residuals", "Adjust phenotypes for sex, age and weight."),
    "clump": ("gwasbone.cli.clump", "Find independent loci of scans by clumping."),
    "plot": ("gwasbone.cli.plot", "Draw Manhattan, QQ, Miami, scatter and volcano plots."),
    "run": ("gwasbone.cli.run", "Run the stages of a study.toml that are not up to date."),
    "config": ("gwasbone.cli.config", "Show or check a study.toml."),
    "qc": ("gwasbone.cli.qc", "Run quality control of samples and variants."),
    "ancestry": ("gwasbone.cli.ancestry", "Keep samples near a reported ancestry group."),
    "relatedness": ("gwasbone.cli.relatedness", "Find relatives and a set of unrelated samples."),
    "convert": ("gwasbone.cli.convert", "Convert genotypes to PLINK .bed files."),
    "prune": ("gwasbone.cli.prune", "Prune variants in linkage disequilibrium."),
    "pca": ("gwasbone.cli.pca", "Compute principal components of the samples."),
    "assoc": ("gwasbone.cli.assoc", "Test traits for association with variants."),
    "compare": ("gwasbone.cli.compare", "Compare scans of the same disease."),
    "h2": ("gwasbone.cli.h2", "Estimate SNP heritability of scans by LD score regression."),
    "mr": ("gwasbone.cli.mr", "Estimate causal effects by Mendelian randomisation."),
    "rg": ("gwasbone.cli.rg", "Estimate genetic correlations of scans, each with each."),
    "coloc": ("gwasbone.cli.coloc", "Test whether two scans share causal variants."),
    "select": ("gwasbone.cli.select", "Select lead SNPs of body regions from many scans."),
    "report": ("gwasbone.cli.report", "Write one page with the results of a study."),
}

#: Commands of the contract that later versions bring.
_LATER = """
munge meta pleiotropy mediate
"""
NOT_BUILT = frozenset(_LATER.split())

_NETWORK_FRAMEWORKS = {"jax", "tensorflow", "torch"}

_EPILOG = """
\b
Example:
  gwasbone demo demo && cd demo && gwasbone assoc --pheno cnn_prob
"""


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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # click would add an empty line to the one that says so
            raise click.Abort from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG
)
@click.version_option(package_name="gwasbone")
def cli() -> None:
    """Genome-wide association of bone phenotypes on Hail.

    Inside a folder with a study.toml, commands take from it what the options do not give, so that
    `gwasbone assoc --pheno cnn_prob` is enough. Start with `gwasbone demo`.
    """


def main(arguments: list[str] | None = None) -> int:
    """Entry point: exit code 0 done, 1 the data or run failed, 2 the command line is wrong."""
    if arguments is not None:
        return _main(arguments)
    _open_closed_streams()
    # so that `kill` lets temporary folders be removed, as Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # imports make a hundred thousand objects that stay; looking through them for garbage
    # again and again, and once more at the end, takes a tenth of a second
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    code = _main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output (head, less) has seen enough; keep Python from flushing into it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        click.echo(f"error: standard output: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = code or 1
    if code != 0:
        _leave_networks(code)
    return code


def _leave_networks(code: int) -> None:
    """End the process at once where a framework for networks may still compute in its threads.

    They crash (SIGABRT, SIGSEGV) when a normal exit takes from under them what they work with.
    """
    if _NETWORK_FRAMEWORKS & sys.modules.keys():
        if "gwasbone.session" in sys.modules:
            sys.modules["gwasbone.session"].remove_temporary()
        sys.stderr.flush()
        os._exit(code)


def _main(arguments: list[str]) -> int:
    try:
        cli.main(
            join_file_words(arguments) or ["--help"],
            prog_name="gwasbone",
            standalone_mode=False,
            obj=arguments,
        )
        return 0
    except BrokenPipeError:
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        message, code = explain(error)
        click.echo(f"error: {' '.join(message.split())}", err=True)
        return code


class _Tolerant:
    """Standard error whose reader may be gone, or its disk full: unread text is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def _open_closed_streams() -> None:
    """Give closed standard streams (``2>&-``) somewhere to go.

    Else the next file that is opened takes their number, and what is printed goes into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is this one
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115
    sys.stderr = _Tolerant(sys.stderr)  # type: ignore[assignment]


def explain(error: BaseException) -> tuple[str, int]:
    """One line for an error, and the exit code."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        where = context.command_path if context is not None else "gwasbone"
        # files that a genotype option has taken may be the arguments that are missing
        ignored = ignored_files(context) if context is not None else []
        said = "; ".join([error.format_message().rstrip("."), *ignored])
        return f"{said}: see {where} --help", 2
    if isinstance(error, (KeyboardInterrupt, click.exceptions.Abort)):
        return "interrupted; finished work is kept", 1
    if isinstance(error, GwasboneError):
        return str(error), error.exit_code
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", 1
    # of a Java error of Hail only the first line is about the cause; the rest is its stack
    detail = lines[0][:300] if lines else "no message"
    return f"unexpected {type(error).__name__}: {detail} (give --debug for the traceback)", 1
