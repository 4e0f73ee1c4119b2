"""Images per second of one core, from DICOM files to rows of a cache.

The eight real iDXA files, many times over; no peer, the goal is 50 a second. Beside the clock's
time stands the rate per second of processor time, which other programs do not change much.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "images" / "dxa"

#: How many times the files are read, under other names and with other bytes.
REPEATS = 10


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eight real files ten times over; bytes that DICOM ignores make each file another."""
    files = sorted(REAL.glob("*.dcm"))
    if not files:
        pytest.skip(f"no real pictures at {REAL}")
    folder = tmp_path_factory.mktemp("scans")
    for repeat in range(REPEATS):
        for number, file in enumerate(files):
            data = bytearray(file.read_bytes())
            data[0] = repeat  # of the preamble
            (folder / f"{repeat}_{number}.dcm").write_bytes(data)
    return folder


def test_read(scans: Path, benchmark: Any) -> None:
    """``read_picture``: parse, decode, place."""
    from gwasbone.images.dicom import read_picture

    files = sorted(scans.iterdir())

    def read() -> int:
        return sum(read_picture(file).pixels.shape[0] > 0 for file in files)

    assert benchmark.pedantic(read, rounds=3, warmup_rounds=1) == len(files)
    benchmark.extra_info["images_per_second_per_core"] = len(files) / benchmark.stats["mean"]


@pytest.mark.parametrize("size", [672, 224])
def test_cache(scans: Path, size: int, benchmark: Any, tmp_path: Path) -> None:
    """``build_cache`` with one process, hashing and writing to disk included."""
    from gwasbone.images.build import build_cache
    from gwasbone.images.settings import ImageSettings
    from gwasbone.images.sources import find_sources

    sources = find_sources([str(scans)])

    cpu_seconds = []

    def build() -> int:
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        started = time.process_time()
        report = build_cache(sources, tmp_path / "cache", ImageSettings.sized(size))
        cpu_seconds.append(time.process_time() - started)
        return len(report.pictures)

    assert benchmark.pedantic(build, rounds=3, warmup_rounds=1) == len(sources)
    rate = len(sources) / benchmark.stats["mean"]
    per_cpu = len(sources) / float(np.median(cpu_seconds))
    benchmark.extra_info["images_per_second_per_core"] = rate
    benchmark.extra_info["images_per_cpu_second"] = per_cpu
    print(f"\n{size} × {size}: {rate:.0f} images/s, {per_cpu:.0f} per second of processor time")
    assert np.load(tmp_path / "cache" / "hip.npy", mmap_mode="r").shape[1:] == (size, size)
