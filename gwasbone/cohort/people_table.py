"""The people table: who is in the genotype files, under which ID."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.errors import InputError

IdRule = Literal["iid", "fid_iid"]


def person_ids(fid: pd.Series, iid: pd.Series, id_rule: IdRule) -> pd.Series:
    """The ID a person has everywhere in gwasbone: the IID, or FID and IID joined by ``_``."""
    return iid.astype(str) if id_rule == "iid" else fid.astype(str) + "_" + iid.astype(str)


def build_people_table(
    fid: pd.Series, iid: pd.Series, sex: pd.Series, *, id_rule: IdRule, where: str
) -> MaskedTable:
    """One row per person in file order, withdrawn people (negative IDs) set aside.

    Parameters
    ----------
    fid, iid : (n,) strings as in the file.
    sex : (n,) 1 male, 2 female, 0 unknown.

    Raises
    ------
    InputError
        Nobody, or an ID that two people share under ``id_rule``.
    """
    if len(iid) == 0:
        raise InputError(f"{where}: expected at least one person, found none")
    ids = person_ids(fid, iid, id_rule)
    twice = ids.duplicated(keep=False)
    if twice.any():
        names = ", ".join(ids[twice].unique()[:3])
        way_out = (
            "give --id fid_iid to use family and individual ID together"
            if id_rule == "iid" and not person_ids(fid, iid, "fid_iid").duplicated().any()
            else "rename or remove the copies"
        )
        raise InputError(
            f"{where}: expected every person ID once, found {ids[twice].nunique()} IDs more than "
            f"once ({names}): {way_out}"
        )
    table = pd.DataFrame(
        {"fid": fid.to_numpy(), "iid": iid.to_numpy(), "sex": sex.to_numpy().astype("int8")},
        index=pd.Index(ids.to_numpy(), name="id"),
    )
    people = MaskedTable("people", table)
    withdrawn = table["iid"].astype(str).str.fullmatch(r"-\d+").to_numpy()
    if withdrawn.any():
        people = people.exclude("read", "withdrawn", withdrawn, description="negative ID")
    return people
