"""Clumps and loci of a scan that gwasbone itself made, on real genotypes, against PLINK."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import open_bed
from test_plink_ld import clumps_of_plink, ours, plink19  # noqa: F401

from gwasbone.association.associate import associate
from gwasbone.cohort.read import read_genotypes
from gwasbone.loci.clump import clump
from gwasbone.loci.loci import find_loci
from gwasbone.loci.options import CLUMP_RULES

pytestmark = [pytest.mark.real, pytest.mark.peer]

CHROMOSOMES = (3, 6, 11, 17, 22)


@pytest.fixture(scope="module")
def scanned(shared_data, tmp_path_factory):
    """Real genotypes of 5 chromosomes as one file, and a scan of a trait with causal variants."""
    folder = shared_data / "genotypes" / "1kg_eur_82k"
    prefixes = [folder / f"1000G.subset.{c}" for c in CHROMOSOMES]
    cohort = read_genotypes(bfile=",".join(map(str, prefixes)), build="GRCh37")
    rng = np.random.default_rng(21)
    table = cohort.variants.table
    y = rng.standard_normal(len(cohort.people))
    for number, prefix in enumerate(prefixes):
        rows = np.sort(table.loc[table["file"] == number, "row"].to_numpy())
        some = rng.choice(rows[len(rows) // 5 : -len(rows) // 5], 60, replace=False)
        calls = open_bed(f"{prefix}.bed").read(np.s_[:, some], dtype="float64")
        common = np.flatnonzero(np.abs(np.nanmean(calls, axis=0) / 2 - 0.5) < 0.25)[:3]
        G = np.nan_to_num(calls[:, common] - np.nanmean(calls[:, common], axis=0))
        y += (G / G.std(axis=0)) @ np.array([0.6, -0.4, 0.3])
    traits = pd.DataFrame({"y": y}, index=table.index[:0].append(cohort.people.table.index))
    results = associate(cohort, ["y"], [], phenotypes=traits)
    merged = tmp_path_factory.mktemp("scanned") / "all"
    (merged.parent / "list").write_text("".join(f"{p}\n" for p in prefixes))
    return cohort, results, merged


def merged_bed(plink, merged):
    if not Path(f"{merged}.bed").exists():
        subprocess.run(
            [plink, "--merge-list", f"{merged.parent}/list", "--make-bed", "--out", merged],
            check=True, capture_output=True,
        )  # fmt: skip
    return merged


def for_plink(cohort, results):
    table = results.table("y")
    key = ["chromosome", "base_pair_location"]
    assert not table.duplicated(key).any()
    named = table.merge(cohort.variants.table[[*key, "source_id"]], on=key, suffixes=("", "_bim"))
    with np.errstate(under="ignore"):
        return named.assign(SNP=named["source_id_bim"], P=10.0 ** -named["neg_log_10_p_value"])


@pytest.mark.parametrize("name", CLUMP_RULES)
def test_clumps_of_a_real_scan_are_plinks(plink19, scanned, tmp_path, name):  # noqa: F811
    cohort, results, merged = scanned
    rule = vars(CLUMP_RULES[name])
    flags = [word for k, v in rule.items() for word in (f"--clump-{k}", v)]
    scan = for_plink(cohort, results)
    want = clumps_of_plink(
        plink19, merged_bed(plink19, merged), scan, tmp_path / "plink", *flags
    )  # fmt: skip
    found = clump(results, cohort, **rule)
    assert ours(found) == want
    assert list(ours(found)) == list(want)
    assert len(want) >= 4
    # and the loci are those clumps, merged as a loop over PLINK's own spans merges them
    by_name = scan.set_index("SNP")
    spans = []
    for index, (_, members) in want.items():
        places = by_name.loc[[index, *members], "base_pair_location"]
        spans.append((by_name.loc[index, "chromosome"], places.min(), places.max(), index))
    expected, last = [], None
    for chromosome, start, end, index in sorted(spans):
        if last and last[0] == chromosome and start - last[2] <= 250_000:
            last[2], last[3] = max(last[2], end), [*last[3], index]
        else:
            last = [chromosome, start, end, [index]]
            expected.append(last)
    rows = find_loci(results, cohort, rule=name).table
    order = list(want)
    assert [
        (r.chromosome, r.start_bp, r.end_bp, r.n_clumps, r.source_id) for r in rows.itertuples()
    ] == [(c, s, e, len(i), min(i, key=order.index)) for c, s, e, i in expected]


def test_index_variants_are_those_of_plink_2(plink2, plink19, scanned, tmp_path):  # noqa: F811
    """PLINK 2 may take another r² than haplotypes': pairs at the threshold may fall otherwise."""
    said = subprocess.run([plink2, "--help", "clump"], check=False, capture_output=True, text=True)
    if "--clump-p1" not in said.stdout:
        first = subprocess.run([plink2, "--version"], check=True, capture_output=True, text=True)
        pytest.skip(f"{first.stdout.strip()} has no --clump (it came with 2.00a4)")
    cohort, results, merged = scanned
    rule = vars(CLUMP_RULES["loci"])
    scan = for_plink(cohort, results)
    scan[["SNP", "P"]].to_csv(tmp_path / "scan.txt", sep="\t", index=False)
    flags = [str(w) for k, v in rule.items() for w in (f"--clump-{k}", v)]
    subprocess.run(
        [plink2, "--bfile", merged_bed(plink19, merged), "--clump", tmp_path / "scan.txt",
         "--clump-id-field", "SNP", *flags, "--out", tmp_path / "p2"],
        check=True, capture_output=True,
    )  # fmt: skip
    want = pd.read_csv(tmp_path / "p2.clumps", sep="\t")["ID"].tolist()
    got = clump(results, cohort, **rule).table["variant"].tolist()
    assert got[0] == want[0]
    assert len(set(got) & set(want)) >= 0.9 * len(set(got) | set(want))
