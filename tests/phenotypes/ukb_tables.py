"""Small tables in UK Biobank's form, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.phenotypes.biobank_table import BiobankTable, read_biobank_table

#: Five people: a plain fracture, ICD-9 osteoporosis, a drug, both code and drug, nothing.
PEOPLE = {
    "eid": [101, 102, 103, 104, 105],
    "31-0.0": [0, 1, 0, 1, 0],
    "21003-2.0": [61, 62, 63, 64, 65],
    "41270-0.0": ["S7200", None, "I10", "M8588", "M7967"],
    "41270-0.1": ["I10", None, None, "S525", None],
    "41271-0.0": [None, "7330", None, None, "E812"],
    "20003-0.0": [None, None, "fosamax 10mg tablet", "Alendronate Sodium", "paracetamol"],
}


def write_csv(folder: Path, columns: dict[str, list], *, name: str = "ukb.csv") -> Path:
    path = folder / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def read_all(folder: Path, columns: dict[str, list], **how) -> BiobankTable:
    return read_biobank_table(write_csv(folder, columns), **how)
