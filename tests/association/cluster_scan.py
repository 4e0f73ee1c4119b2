"""Scans on a small Spark cluster, run as a process of its own: prints what happened as JSON.

Arguments: a folder with ``c1.bed`` and ``people.tsv``, and a folder to work in. The environment
names the executors' Python (``PYSPARK_PYTHON``), which lacks gwasbone.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import psutil

import gwasbone as gb
from gwasbone import session
from gwasbone.association import blocks
from gwasbone.association.blocks import choose_executor
from gwasbone.blocks import spark
from gwasbone.cohort.sources import bed_reader as packed_calls
from gwasbone.errors import GwasboneError

#: The module, which the function of the same name hides in its package.
associate_module = importlib.import_module("gwasbone.association.associate")

SLOW = """
import time
from dataclasses import dataclass
from typing import Any
@dataclass(frozen=True)
class Slow:
    kernel: Any
    seconds: float
    def __call__(self, block):
        time.sleep(self.seconds)
        return self.kernel(block)
def divided(by):
    return 1 / by
def imported_from(_):
    import os, numpy, gwasbone
    return gwasbone.__file__, os.environ["OMP_NUM_THREADS"]
"""

data, work = Path(sys.argv[1]), Path(sys.argv[2])
told = {}


def read():
    cohort = gb.read_genotypes(bfile=str(data / "c1"), build="GRCh37")
    people = pd.read_csv(data / "people.tsv", sep="\t", index_col=0)
    return gb.annotate_phenotypes(cohort, people)


def scan(name, **options):
    return gb.associate(read(), ["a", "b"], ["age"], executor=name, engine="blocks", **options)


def same(one, other):
    return all(one.table(t).equals(other.table(t)) for t in one.traits)


def message(run):
    try:
        run()
    except GwasboneError as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def executor_processes():
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may be gone by now
            if "CoarseGrainedExecutorBackend" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found


def in_mid_job(context, act):
    """Do something once when some tasks of a job are done and others are not."""

    def watch():
        tracker = context.statusTracker()
        while True:
            stages = [tracker.getStageInfo(i) for i in tracker.getActiveStageIds()]
            if any(s and 0 < s.numCompletedTasks < s.numTasks for s in stages):
                return act()
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


packed_calls.CALLS_PER_BLOCK = 230 * 3  # 40 blocks of 3 variants
blocks.VARIANTS_PER_CHUNK = 50
spark.BLOCKS_PER_TASK = 2  # so that jobs have a middle
session.configure(
    session.SessionOptions(master="local-cluster[2,1,3072]", folder=work, memory_gb=1.5)
)
context = session.hail().spark_context()
local = scan("local")

told["auto"] = type(choose_executor("auto", read())).__name__
told["equal"] = same(local, scan("auto"))

(work / "slow.py").write_text(SLOW)
sys.path.insert(1, str(work))
context.addPyFile(str(work / "slow.py"))
import slow  # noqa: E402

executors = spark.SparkExecutors(context)
told["imported from"], told["threads"] = next(executors.map(slow.imported_from, [[0]]))[0]


class SlowExecutors(spark.SparkExecutors):
    """As the cluster, with a pause before every block."""

    seconds = 0.1

    def map(self, kernel, batches):
        return super().map(slow.Slow(kernel, self.seconds), batches)


# an executor's JVM is killed in the middle of a scan
associate_module.choose_executor = lambda *_, **__: SlowExecutors(context)
before = executor_processes()
killer = in_mid_job(context, lambda: os.kill(min(before), signal.SIGKILL))
told["equal after kill"] = same(local, scan("spark"))
killer.join(10)
# a process that was killed is listed until its parent has taken notice
waited = time.monotonic()
while min(before) in executor_processes() and time.monotonic() - waited < 20:
    time.sleep(0.1)
told["killed"] = len(before) == 2 and min(before) not in executor_processes()

# Ctrl-C cancels the job and comes through
SlowExecutors.seconds = 30.0
folder = work / "interrupted"
threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
started = time.monotonic()
try:
    scan("spark", folder=folder)
except KeyboardInterrupt:
    told["interrupted"] = True
tracker = context.statusTracker()
while tracker.getActiveJobsIds() and time.monotonic() - started < 20:
    time.sleep(0.1)
told["jobs left"] = len(tracker.getActiveJobsIds())
told["files left"] = [path.name for path in folder.iterdir()]
told["seconds to stop"] = time.monotonic() - started
associate_module.choose_executor = choose_executor

# what executors lack is named
bed = data / "c1.bed"
expected = spark._numpy_version
spark._numpy_version = lambda: "1.26.4"
told["other numpy"] = message(lambda: scan("spark"))
told["auto where they cannot"] = type(choose_executor("auto", read())).__name__
spark._numpy_version = expected
python, context.pythonExec = context.pythonExec, "/nowhere/python"
told["no such Python"] = message(lambda: scan("spark"))
context.pythonExec = python
told["a kernel that fails"] = message(lambda: list(executors.map(slow.divided, [[1, 0]])))
cohort = read()
moved = bed.rename(data / "moved.bed")
told["unseen file"] = message(lambda: choose_executor("spark", cohort))
moved.rename(bed)
print(json.dumps(told))
