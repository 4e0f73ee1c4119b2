"""Two scans of known truth, written in every format that a command takes.

One table holds the truth. Effects have four digits and p-values are those of the effects, so that
every format carries the same numbers; no variant is palindromic, since formats without allele
frequencies cannot tell the strand of one.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from bed_reader import to_bed

from gwasbone.association.results import AssociationResults
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.ssf_write import write_ssf
from gwasbone.sumstats.table import canonical_table

#: Names that hold a bone measurement, as `select` wants them.
TRAITS = ("bmd_femur_neck_left", "resid_bmd_total")
PAIRS = ("AC", "AG", "CA", "CT", "GA", "GT", "TC", "TG")
BUILD = "GRCh37"


@dataclass(frozen=True)
class Truth:
    """Canonical tables of two traits on the same variants, genotypes, LD scores, known loci.

    Parameters
    ----------
    tables : trait -> results table. folder : holds ``g.bed`` and the like, ``ld/``, ``known.tsv``.
    """

    tables: Mapping[str, pd.DataFrame]
    folder: Path

    @property
    def positions(self) -> Path:
        return self.folder / "g.bim"


@dataclass(frozen=True)
class MadeFormat:
    """A format, and what it does not carry.

    Parameters
    ----------
    write : writes the truth into a folder; gives the paths that a command is told.
    lacks : canonical columns that the format has not.
    standardised : effects come from z and n, so that only their signs and p-values are kept.
    needs_positions : variants are named, not placed.
    names : of the scans, where files cannot tell the traits.
    """

    write: Callable[[Truth, Path], list[Path]]
    lacks: frozenset[str] = frozenset()
    standardised: bool = False
    needs_positions: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


def made_truth(folder: Path, *, m: int = 320, n: int = 60, seed: int = 8) -> Truth:
    """Write genotypes, LD scores and known loci of m variants on chromosomes 1, 2 and X."""
    rng = np.random.default_rng(seed)
    chromosome = np.sort(rng.choice([1, 2, 23], m, p=[0.5, 0.4, 0.1]))
    place = np.sort(rng.choice(np.arange(1, 60_000), m, replace=False)) * 1_000
    order = np.lexsort((place, chromosome))
    alleles = rng.choice(PAIRS, m)
    G = rng.binomial(2, rng.uniform(0.15, 0.5, m), (n, m)).astype(np.float32)
    # each second variant is close to the one before: something to clump
    for j in range(1, m, 2):
        G[:, j] = np.where(rng.random(n) < 0.85, G[:, j - 1], G[:, j])
    f = (G.mean(axis=0) / 2).round(4)
    signal = np.where(np.arange(m) % 20 < 2, 7.0, 1.1)
    z = {TRAITS[0]: rng.normal(size=m) * signal}
    z[TRAITS[1]] = z[TRAITS[0]] * 0.6 + rng.normal(size=m)
    tables = {}
    for trait, of_trait in z.items():
        se = np.array([float(f"{x:.4g}") for x in 1 / np.sqrt(2 * f * (1 - f) * 5000)])
        beta = np.array([float(f"{x:.4g}") for x in of_trait * se])
        tables[trait] = canonical_table(
            pd.DataFrame(
                {
                    "chromosome": chromosome[order], "base_pair_location": place[order],
                    "other_allele": [pair[0] for pair in alleles],
                    "effect_allele": [pair[1] for pair in alleles],
                    "source_id": [f"rs{i + 1}" for i in range(m)], "n": 5000,
                    "effect_allele_frequency": f, "call_rate": 1.0, "beta": beta,
                    "standard_error": se, "statistic": beta / se, "dof": np.inf,
                    "neg_log_10_p_value": neg_log10_p_normal(beta / se), "test": "wald",
                    "status": "",
                }
            )
        )  # fmt: skip
    table = tables[TRAITS[0]]
    to_bed(
        folder / "g.bed", G,
        properties={
            "iid": [f"p{i}" for i in range(n)], "fid": ["f"] * n, "sex": [2] * n,
            "chromosome": table["chromosome"].astype(str).tolist(),
            "bp_position": table["base_pair_location"].tolist(),
            "sid": table["source_id"].tolist(), "allele_1": table["effect_allele"].tolist(),
            "allele_2": table["other_allele"].tolist(),
        },
    )  # fmt: skip
    (folder / "ld").mkdir()
    scores = table.assign(L2=np.exp(rng.normal(2, 0.6, m)).round(4))
    scores.rename(columns={"chromosome": "CHR", "source_id": "SNP", "base_pair_location": "BP"})[
        ["CHR", "SNP", "BP", "L2"]
    ].to_csv(folder / "ld" / "1.l2.ldscore.gz", sep="\t", index=False)
    (folder / "ld" / "1.l2.M_5_50").write_text("6000\n")
    known = table.iloc[np.arange(0, m, 20)]
    known[["chromosome", "base_pair_location", "effect_allele", "other_allele"]].to_csv(
        folder / "known.tsv", sep="\t", index=False
    )
    return Truth(tables, folder)


def _p(table: pd.DataFrame) -> list[str]:
    """p-values as programs print them, those below 1e-308 too."""
    whole = np.ceil(table["neg_log_10_p_value"]).astype(int)
    mantissa = 10 ** (whole - table["neg_log_10_p_value"])
    return [f"{m:.9f}e-{e:02d}" for m, e in zip(mantissa, whole, strict=True)]


def _labels(table: pd.DataFrame, *, x: str = "X", prefix: str = "") -> list[str]:
    return [prefix + (x if c == 23 else str(c)) for c in table["chromosome"]]


def _text(columns: Mapping[str, object], path: Path, sep: str = "\t", na: str = "NA") -> Path:
    pd.DataFrame(columns).to_csv(path, sep=sep, index=False, na_rep=na)
    return path


def _by_trait(
    ending: str, columns: Callable[[pd.DataFrame], Mapping[str, object]], **options: str
) -> Callable[[Truth, Path], list[Path]]:
    def write(truth: Truth, folder: Path) -> list[Path]:
        return [
            _text(columns(table), folder / f"out.{trait}{ending}", **options)
            for trait, table in truth.tables.items()
        ]

    return write


def _ours(truth: Truth, folder: Path) -> list[Path]:
    provenance = {"method": "linear", "engine": "blocks", "covariates": []}
    return [
        write_ssf(
            table, folder / f"scan.{trait}", trait=trait, build=BUILD, provenance=provenance
        ).data
        for trait, table in truth.tables.items()
    ]


def _folder_of_text(truth: Truth, folder: Path) -> list[Path]:
    _ours(truth, folder)
    return [folder]


def _results(truth: Truth) -> AssociationResults:
    return AssociationResults.from_tables(
        truth.tables, build=BUILD, provenance={"method": "linear", "covariates": []}
    )


def _wide_parquet(truth: Truth, folder: Path) -> list[Path]:
    _results(truth).write(folder / "scan", formats=("parquet",))
    return [folder / "scan.parquet"]


def _chunks(truth: Truth) -> list[dict[str, pd.DataFrame]]:
    """The traits in two pieces, as engines give them."""
    m = len(truth.tables[TRAITS[0]])
    cuts = [slice(0, m // 3), slice(m // 3, m)]
    return [
        {t: table.iloc[cut].reset_index(drop=True) for t, table in truth.tables.items()}
        for cut in cuts
    ]


def _results_folder(truth: Truth, folder: Path) -> list[Path]:
    AssociationResults.from_chunks(
        _chunks(truth), build=BUILD, provenance={"method": "linear", "covariates": []},
        folder=folder / "results",
    )  # fmt: skip
    return [folder / "results"]


def _all_traits(truth: Truth, folder: Path) -> list[Path]:
    [results] = _results_folder(truth, folder)
    return [results / "all_traits.parquet"]


def _single_parquet(truth: Truth, folder: Path) -> list[Path]:
    paths = []
    for trait, table in truth.tables.items():
        paths.append(folder / f"scan.{trait}.parquet")
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), paths[-1])
    return paths


def _catalog(table: pd.DataFrame) -> dict[str, object]:
    """As the Catalog publishes it: p_value, no n, #NA, X, 1500.0, small letters."""
    return {
        "chromosome": _labels(table),
        "base_pair_location": [f"{at}.0" for at in table["base_pair_location"]],
        "effect_allele": table["effect_allele"].str.lower(),
        "other_allele": table["other_allele"].str.lower(),
        "beta": table["beta"], "standard_error": table["standard_error"],
        "effect_allele_frequency": table["effect_allele_frequency"], "p_value": _p(table),
        "rsid": [name if i % 3 else "#NA" for i, name in enumerate(table["source_id"])],
        "ref_allele": "#NA",
    }  # fmt: skip


def _odds(table: pd.DataFrame) -> dict[str, object]:
    columns = _catalog(table)
    del columns["beta"], columns["standard_error"]
    half = 1.959963984540054 * table["standard_error"]
    return columns | {
        # an older harmonised file has the column, empty
        "beta": [np.nan] * len(table), "odds_ratio": np.exp(table["beta"]),
        "ci_lower": np.exp(table["beta"] - half), "ci_upper": np.exp(table["beta"] + half),
        "n": [f"{n}.0" for n in table["n"]],
    }  # fmt: skip


def _regenie(table: pd.DataFrame) -> dict[str, object]:
    return {
        "CHROM": table["chromosome"], "GENPOS": table["base_pair_location"],
        "ID": table["source_id"], "ALLELE0": table["other_allele"],
        "ALLELE1": table["effect_allele"], "A1FREQ": table["effect_allele_frequency"],
        "INFO": 1, "N": table["n"], "TEST": "ADD", "BETA": table["beta"],
        "SE": table["standard_error"], "CHISQ": table["statistic"] ** 2,
        "LOG10P": table["neg_log_10_p_value"], "EXTRA": "NA",
    }  # fmt: skip


def _regenie_no_split(truth: Truth, folder: Path) -> list[Path]:
    one = _regenie(truth.tables[TRAITS[0]])
    wide = {name: one[name] for name in list(one)[:9]}
    for number, table in enumerate(truth.tables.values(), 1):
        of_trait = _regenie(table)
        wide |= {f"{n}.Y{number}": of_trait[n] for n in ("BETA", "SE", "CHISQ", "LOG10P")}
    path = _text(wide, folder / "fit.regenie", sep=" ")
    words = "".join(f"Y{number} {trait}\n" for number, trait in enumerate(TRAITS, 1))
    (folder / "fit.regenie.Ydict").write_text(words)
    return [path]


def _plink(table: pd.DataFrame) -> dict[str, object]:
    """A1 is REF in every second row: PLINK counts the minor allele."""
    flipped = np.arange(len(table)) % 2 == 1
    a1 = table["effect_allele"]
    return {
        "#CHROM": _labels(table), "POS": table["base_pair_location"], "ID": table["source_id"],
        "REF": np.where(flipped, a1, table["other_allele"]),
        "ALT": np.where(flipped, table["other_allele"], a1), "A1": a1,
        "A1_FREQ": table["effect_allele_frequency"], "TEST": "ADD", "OBS_CT": table["n"],
    }  # fmt: skip


def _with_covariate_rows(rows: Mapping[str, object], effects: list[str]) -> pd.DataFrame:
    """Each variant's row, and below it that of a covariate, as without ``hide-covar``."""
    own = pd.DataFrame(rows)
    others = own.assign(TEST="age", **dict.fromkeys(effects, "0.5"), P="0.04")
    both = pd.concat([own.astype(str), others.astype(str)])
    return both.sort_index(kind="stable")


def _plink_linear(table: pd.DataFrame) -> pd.DataFrame:
    more = {
        "BETA": table["beta"], "SE": table["standard_error"], "T_STAT": table["statistic"],
        "P": _p(table), "ERRCODE": ".",
    }  # fmt: skip
    return _with_covariate_rows(_plink(table) | more, ["BETA", "SE", "T_STAT"])


def _plink_logistic(table: pd.DataFrame) -> pd.DataFrame:
    more = {
        "FIRTH?": "N", "OR": np.exp(table["beta"]), "LOG(OR)_SE": table["standard_error"],
        "Z_STAT": table["statistic"], "P": _p(table), "ERRCODE": ".",
    }  # fmt: skip
    return _with_covariate_rows(_plink(table) | more, ["OR", "LOG(OR)_SE", "Z_STAT"])


def _bolt(table: pd.DataFrame) -> dict[str, object]:
    return {
        "SNP": table["source_id"], "CHR": table["chromosome"], "BP": table["base_pair_location"],
        "GENPOS": 0.1, "ALLELE1": table["effect_allele"], "ALLELE0": table["other_allele"],
        "A1FREQ": table["effect_allele_frequency"], "F_MISS": 0.0, "BETA": table["beta"],
        "SE": table["standard_error"], "P_BOLT_LMM_INF": "0.5", "P_BOLT_LMM": _p(table),
    }  # fmt: skip


def _saige(table: pd.DataFrame) -> dict[str, object]:
    return {
        "CHR": _labels(table, prefix="chr"), "POS": table["base_pair_location"],
        "MarkerID": table["source_id"], "Allele1": table["other_allele"],
        "Allele2": table["effect_allele"], "AC_Allele2": 10,
        "AF_Allele2": table["effect_allele_frequency"], "MissingRate": 0.0, "BETA": table["beta"],
        "SE": table["standard_error"], "Tstat": 1.0, "var": 1.0, "p.value": _p(table),
        "p.value.NA": "0.5", "Is.SPA": "false", "AF_case": 0.3, "AF_ctrl": 0.3, "N_case": 1000,
        "N_ctrl": table["n"] - 1000,
    }  # fmt: skip


def _fastgwa(table: pd.DataFrame) -> dict[str, object]:
    return {
        "CHR": table["chromosome"], "SNP": table["source_id"], "POS": table["base_pair_location"],
        "A1": table["effect_allele"], "A2": table["other_allele"], "N": table["n"],
        "AF1": table["effect_allele_frequency"], "BETA": table["beta"],
        "SE": table["standard_error"], "P": _p(table),
    }  # fmt: skip


def _metal(table: pd.DataFrame, names: list[str]) -> dict[str, object]:
    return {
        "MarkerName": names, "Allele1": table["effect_allele"].str.lower(),
        "Allele2": table["other_allele"].str.lower(), "Freq1": table["effect_allele_frequency"],
        "FreqSE": 0.0, "Effect": table["beta"], "StdErr": table["standard_error"],
        "P-value": _p(table), "Direction": "+-",
    }  # fmt: skip


def _metal_places(table: pd.DataFrame) -> dict[str, object]:
    rows = zip(_labels(table), table["base_pair_location"], strict=True)
    return _metal(table, [f"{c}:{at}" for c, at in rows])


def _metal_names(table: pd.DataFrame) -> dict[str, object]:
    return _metal(table, table["source_id"].tolist())


def _ldsc(truth: Truth, folder: Path) -> list[Path]:
    paths = []
    for trait, table in truth.tables.items():
        text = pd.DataFrame(
            {
                "SNP": table["source_id"], "A1": table["effect_allele"],
                "A2": table["other_allele"], "N": [f"{n}.000" for n in table["n"]],
                "Z": table["statistic"],
            }
        ).to_csv(sep="\t", index=False)  # fmt: skip
        paths.append(folder / f"out.{trait}.sumstats.gz")
        paths[-1].write_bytes(gzip.compress(text.encode()))
    return paths


def _finngen(table: pd.DataFrame) -> dict[str, object]:
    return {
        "#chrom": table["chromosome"], "pos": table["base_pair_location"],
        "ref": table["other_allele"], "alt": table["effect_allele"], "rsids": table["source_id"],
        "nearest_genes": "GENE1,GENE2", "pval": _p(table), "mlogp": table["neg_log_10_p_value"],
        "beta": table["beta"], "sebeta": table["standard_error"],
        "af_alt": table["effect_allele_frequency"], "af_alt_cases": 0.3, "af_alt_controls": 0.3,
    }  # fmt: skip


def _gwas_vcf(truth: Truth, folder: Path) -> list[Path]:
    head = ["##fileformat=VCFv4.2", "##reference=hg19"]
    head += [f'##FORMAT=<ID={k},Number=A,Type=Float,Description="">' for k in _VCF_KEYS]
    fixed = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
    head.append("\t".join([*fixed, *TRAITS]))
    cells = []
    for table in truth.tables.values():
        numbers = [table[name].tolist() for name in _VCF_KEYS.values()]
        cells.append([":".join(map(repr, row)) for row in zip(*numbers, strict=True)])
    table = truth.tables[TRAITS[0]]
    rows = zip(
        _labels(table), table["base_pair_location"].astype(str), table["source_id"],
        table["other_allele"], table["effect_allele"], *cells, strict=True,
    )  # fmt: skip
    keys = ":".join(_VCF_KEYS)
    lines = ["\t".join([*row[:5], ".", "PASS", ".", keys, *row[5:]]) for row in rows]
    path = folder / "both.vcf.gz"
    path.write_bytes(gzip.compress("\n".join([*head, *lines, ""]).encode()))
    return [path]


_VCF_KEYS = {
    "ES": "beta", "SE": "standard_error", "LP": "neg_log_10_p_value",
    "AF": "effect_allele_frequency", "SS": "n",
}  # fmt: skip
_FREQUENCY = "effect_allele_frequency"

FORMATS: dict[str, MadeFormat] = {
    "ours": MadeFormat(_ours),
    "ours_folder_of_text": MadeFormat(_folder_of_text),
    "ours_parquet": MadeFormat(_single_parquet),
    "ours_wide_parquet": MadeFormat(_wide_parquet),
    "ours_results_folder": MadeFormat(_results_folder),
    "ours_all_traits": MadeFormat(_all_traits),
    "catalog": MadeFormat(_by_trait(".h.tsv.gz", _catalog, na="#NA"), frozenset({"n"})),
    "catalog_odds_ratio": MadeFormat(_by_trait(".tsv", _odds, na="#NA")),
    "regenie": MadeFormat(_by_trait(".regenie.gz", _regenie, sep=" ")),
    "regenie_no_split": MadeFormat(_regenie_no_split),
    "plink_linear": MadeFormat(_by_trait(".glm.linear", _plink_linear)),
    "plink_logistic": MadeFormat(_by_trait(".glm.logistic.hybrid.zst", _plink_logistic)),
    "bolt": MadeFormat(_by_trait(".stats.gz", _bolt), frozenset({"n"})),
    "saige": MadeFormat(_by_trait(".saige.txt", _saige)),
    "fastgwa": MadeFormat(_by_trait(".fastGWA", _fastgwa)),
    "metal_places": MadeFormat(_by_trait(".tbl", _metal_places), frozenset({"n"})),
    "metal_names": MadeFormat(
        _by_trait("_1.TBL", _metal_names), frozenset({"n"}), needs_positions=True,
        names={f"{trait}_1": trait for trait in TRAITS},
    ),
    "ldsc": MadeFormat(
        _ldsc, frozenset({_FREQUENCY}), standardised=True, needs_positions=True
    ),
    "finngen": MadeFormat(_by_trait(".gz", _finngen), frozenset({"n"})),
    "gwas_vcf": MadeFormat(_gwas_vcf),
}  # fmt: skip
