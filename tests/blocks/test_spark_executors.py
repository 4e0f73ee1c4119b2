"""What the Spark executor does without a cluster: cutting tasks, shipping, and naming failures."""

import gc
import importlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from gwasbone.blocks import spark
from gwasbone.blocks.mapping import LocalThreads
from gwasbone.errors import GwasboneError, InputError


def test_local_threads_keep_batches_and_order():
    batches = [[3, 1, 2], [], [5]]
    assert list(LocalThreads(2).map(lambda x: 10 * x, batches)) == [[30, 10, 20], [], [50]]


@pytest.mark.parametrize(
    ("n_blocks", "cores", "n_tasks"),
    [(0, 4, 1), (3, 4, 3), (100, 4, 13), (20, 4, 4), (8000, 100, 1000), (400, 100, 100)],
)
def test_tasks_hold_a_few_blocks_and_keep_all_cores_busy(n_blocks, cores, n_tasks):
    assert spark.tasks_for(n_blocks, cores) == n_tasks


def test_the_package_runs_from_its_zip(tmp_path):
    path = spark.package_zip(tmp_path)
    assert spark.package_zip(tmp_path) == path  # equal code has an equal name
    names = zipfile.ZipFile(path).namelist()
    assert "gwasbone/blocks/linear.py" in names
    assert all(name.endswith((".py", ".pyi")) for name in names)
    code = (
        f"import sys; sys.path.insert(0, {str(path)!r}); import gwasbone.association.blocks as b; "
        "print(b.__file__, [m for m in ('hail', 'pyspark', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == [f"{path}/gwasbone/association/blocks.py", "[]"]


def test_an_executor_without_numpy_can_say_so():
    """The task is read there before anything that NumPy is needed for."""
    code = (
        "import sys; sys.modules['numpy'] = None; from gwasbone.blocks import spark; "
        "print(list(spark._Check('2.1.0', (), ())(iter([]))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lacks numpy: install it there or set PYSPARK_PYTHON" in done.stdout


def test_numpy_may_differ_in_its_last_number_only():
    major, minor, _ = np.__version__.split(".", 2)
    spark.refuse_other_numpy(f"{major}.{minor}.99")
    with pytest.raises(GwasboneError, match=rf"expected NumPy 1\.{minor}\.0 as in this session"):
        spark.refuse_other_numpy(f"1.{minor}.0")


def test_what_a_kernel_lacks_or_refuses_comes_back_as_a_result(monkeypatch):
    # leave this process alone
    monkeypatch.setattr(spark, "_SINGLE_THREAD", ())
    monkeypatch.setattr(spark, "prepare_for_tasks", lambda: None)

    class Sent:
        def __init__(self, kernel):
            self.value = kernel

    def refuse(_):
        raise InputError("file x: expected y")

    def lack(_):
        import nothing_of_that_name  # noqa: F401

    run = spark._Run(np.__version__, Sent(refuse))
    (refusal,) = run(iter([1, 2]))
    assert isinstance(refusal.error, InputError)
    (refusal,) = spark._Run(np.__version__, Sent(lack))(iter([1]))
    assert "lacks nothing_of_that_name" in str(refusal.error)
    assert list(spark._Run(np.__version__, Sent(abs))(iter([-2, 3]))) == [2, 3]


def test_zip_finders_are_forgotten_and_found_again(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("zipped_one.py", "n = 1")
        archive.writestr("zipped_two.py", "n = 2")
    monkeypatch.syspath_prepend(str(tmp_path / "x.zip"))
    monkeypatch.setattr(gc, "freeze", lambda: None)  # a worker's business
    assert importlib.import_module("zipped_one").n == 1
    assert str(tmp_path / "x.zip") in sys.path_importer_cache
    spark.prepare_for_tasks()
    assert str(tmp_path / "x.zip") not in sys.path_importer_cache
    assert importlib.import_module("zipped_two").n == 2


_PAGE = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times, most recent:
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 1, in main
    process()
{}

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(x:1)
Caused by: java.lang.Other: no
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (_PAGE.format("pyspark.errors.Exc: [PYTHON_VERSION_MISMATCH] 3.9 and 3.11"),
         "pyspark.errors.Exc: [PYTHON_VERSION_MISMATCH] 3.9 and 3.11"),
        (_PAGE.format("MemoryError"), "MemoryError"),
        ("Job aborted due to stage failure: executor lost\n\tat x", "Job aborted due to stage "
         "failure: executor lost"),
        ('Job aborted: java.io.IOException: Cannot run program "/x/python": error=2\n\tat y',
         "cannot run /x/python: set PYSPARK_PYTHON"),
        ("Job aborted: bigger than spark.driver.maxResultSize (1024.0 MiB)\n", "set it to 0"),
        ("Answer from Java side is empty", "the session's JVM does not answer"),
    ],
)  # fmt: skip
def test_a_page_of_java_becomes_a_line(text, says):
    error = type("Py4JError", (Exception,), {"__module__": "py4j.protocol"})(text)
    reason = spark.failure(error)
    assert reason is not None
    assert says in reason
    assert "\n" not in reason
    assert spark.failure(ValueError(text)) is None
