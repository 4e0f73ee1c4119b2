"""A table shaped like UK Biobank's, written fast, and the plain pandas way of reading one.

300 columns: sex, age, weight, height and ethnicity, 25 measurements at two visits, 121 columns of
hospital codes, 40 of drugs, and other numbers. Run as a program it reads a table in the way that
is asked for, so that each way has a process, and its peak memory, of its own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

N_CODES, N_DRUGS, N_COLUMNS = 120, 40, 300
_CODES = ["I10", "E119", "K219", "M545", "J459", "M810", "S525", "S720", "H269", "R074"]
_DRUGS = ["paracetamol", "aspirin", "simvastatin", "ramipril", "alendronate sodium"]
_CODE_SHARES = [0.142] * 5 + [0.001, 0.001, 0.001, 0.142, 0.145]
_DRUG_SHARES = [0.4, 0.3, 0.2, 0.095, 0.005]


def write_biobank_table(path: Path, n_people: int, *, seed: int = 7) -> None:
    """Write the table as CSV, 50,000 people at a time."""
    import pyarrow as pa
    import pyarrow.csv

    from gwasbone.phenotypes.measurements import bmd_measurements

    fields = bmd_measurements()["field"].tolist()
    rng = np.random.default_rng(seed)
    writer = None
    for start in range(0, n_people, 50_000):
        n = min(50_000, n_people - start)
        columns = _people(rng, n, start, fields)
        block = pa.table(columns)
        writer = writer or pyarrow.csv.CSVWriter(path, block.schema)
        writer.write_table(block)
    assert writer is not None
    writer.close()


def _people(rng: np.random.Generator, n: int, start: int, fields: list[int]) -> dict[str, object]:
    import pyarrow as pa

    def some(values: np.ndarray, share: float) -> object:
        return pa.array(values, mask=rng.random(n) >= share)

    sex = rng.integers(0, 2, n)
    scanned = rng.random(n) < 0.1
    columns: dict[str, object] = {
        "eid": pa.array(np.arange(1_000_000 + start, 1_000_000 + start + n)),
        "31-0.0": pa.array(sex),
    }
    for visit in (0, 2):
        columns[f"21003-{visit}.0"] = some(rng.integers(40, 80, n), 1.0)
        columns[f"21002-{visit}.0"] = some(rng.normal(75, 12, n).round(1), 0.95)
        columns[f"50-{visit}.0"] = some(rng.normal(168, 9, n).round(), 0.95)
    columns["21000-0.0"] = some(rng.choice([1001, 1002, 4001, -3], n), 0.99)
    for field in fields:
        for visit in (2, 3):
            bmd = rng.normal(1.0, 0.12, n).round(3)
            columns[f"{field}-{visit}.0"] = pa.array(bmd, mask=~scanned)
    for index in range(N_CODES):
        columns[f"41270-0.{index}"] = some(rng.choice(_CODES, n, p=_CODE_SHARES), 0.7 * 0.96**index)
    columns["41271-0.0"] = some(rng.choice(["7330", "4019", "8208"], n), 0.01)
    for index in range(N_DRUGS):
        columns[f"20003-0.{index}"] = some(rng.choice(_DRUGS, n, p=_DRUG_SHARES), 0.5 * 0.9**index)
    for field in range(30_000, 30_000 + N_COLUMNS - len(columns)):
        columns[f"{field}-0.0"] = some(rng.normal(50, 9, n).round(2), 0.9)
    return columns


def read_by_gwasbone(path: Path) -> dict[str, int]:
    """All columns."""
    from gwasbone.phenotypes.biobank_table import read_biobank_table

    table = read_biobank_table(path)
    return {"rows": table.table.shape[0], "columns": table.table.shape[1]}


def cases_by_gwasbone(path: Path) -> dict[str, int]:
    """What ``gwasbone phenotypes`` does: read what is needed, cases, measurements."""
    from gwasbone.phenotypes.bone_density import make_bmd, read_phenotypes
    from gwasbone.phenotypes.case_definition import osteoporosis_definition
    from gwasbone.phenotypes.cases import find_cases
    from gwasbone.phenotypes.measurements import bmd_measurements

    definition, measurements = osteoporosis_definition(), bmd_measurements()
    table = read_phenotypes(path, definition, measurements)
    cases = find_cases(table, definition)
    bmd = make_bmd(table, measurements)
    assert bmd is not None
    return {"cases": cases.n_cases, "assessments": len(bmd.long)}


def read_by_pandas(path: Path) -> dict[str, int]:
    """All columns, as most scripts do."""
    import pandas as pd

    table = pd.read_csv(path, index_col="eid", low_memory=False)
    return {"rows": table.shape[0], "columns": table.shape[1]}


def cases_by_pandas(path: Path) -> dict[str, int]:
    """The same cases by a loop over the columns of codes, and assessments by visit."""
    import pandas as pd

    from gwasbone.phenotypes.case_definition import osteoporosis_definition
    from gwasbone.phenotypes.measurements import bmd_measurements

    table = pd.read_csv(path, index_col="eid", low_memory=False)
    found = pd.Series(False, index=table.index)
    for rule in osteoporosis_definition().rules:
        for column in table.columns:
            if int(column.split("-")[0]) not in rule.fields:
                continue
            values = table[column].astype("string")
            if rule.codes:
                starts = tuple(code.replace(".", "") for code in rule.codes)
                found |= values.str.startswith(starts, na=False)
            else:
                found |= values.str.contains("|".join(rule.names), case=False, na=False)
    n_assessments = 0
    for visit in (2, 3):
        names = [f"{field}-{visit}.0" for field in bmd_measurements()["field"]]
        n_assessments += int(table[names].notna().any(axis=1).sum())
    return {"cases": int(found.sum()), "assessments": n_assessments}


WAYS = {
    "gwasbone read": read_by_gwasbone,
    "pandas read": read_by_pandas,
    "gwasbone phenotypes": cases_by_gwasbone,
    "pandas phenotypes": cases_by_pandas,
}


def main() -> None:
    way, path = sys.argv[1], Path(sys.argv[2])
    started = time.perf_counter()
    told = WAYS[way](path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_rss_bytes": peak, **told}))


if __name__ == "__main__":
    main()
