"""SNPs of regions: by hand, against an implementation of its own, and what must not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_scans import made_scan

from gwasbone.errors import InputError, UsageError
from gwasbone.images.region_map import read_region_map
from gwasbone.loci.options import SelectionRule
from gwasbone.loci.region_peaks import representatives
from gwasbone.loci.region_selection import PAIR_COLUMNS, select_regions
from gwasbone.sumstats.table import COLUMNS

NECK, SPINE, HEAD = "bmd_femur_neck_left", "resid_bmd_spine_l1_l4", "bmd_head"


def scan(rows):
    """A results table of (chromosome, position, −log10 p) or with (…, other, effect, beta)."""
    table = pd.DataFrame(
        [(*row, *("A", "C", 0.1)[len(row) - 3 :]) for row in rows],
        columns=["chromosome", "base_pair_location", "neg_log_10_p_value", "other_allele",
                 "effect_allele", "beta"],
    )  # fmt: skip
    values = dict.fromkeys(COLUMNS, 0.0) | {"test": "linear", "status": ""}
    values |= {
        "n": 100,
        "standard_error": 0.02,
        "source_id": [
            f"rs{c}_{p}" for c, p in zip(table.iloc[:, 0], table.iloc[:, 1], strict=True)
        ],
    }
    return pd.DataFrame(values | {name: table[name] for name in table})


def short(selection):
    """(region, variant, scans, best scan, −log10 p) of each pair."""
    columns = ["region", "variant_id", "scans", "best_scan", "neg_log_10_p_value"]
    return [tuple(row) for row in selection.pairs[columns].to_numpy()]


def test_by_hand():
    scans = {
        NECK: scan([(1, 100, 9), (1, 2_000_100, 6), (2, 50, 5.5), (3, 7, 4.9)]),
        SPINE: scan([(1, 200, 7), (1, 100, 6.5), (2, 50, 8)]),
        HEAD: scan([(5, 5, 4)]),
        "height": scan([(1, 100, 50)]),
    }
    found = select_regions(scans)
    # without genotypes 1:100 stands for 1:200, which is in its block
    assert short(found) == [
        ("ap_spine", "1_100_A_C", SPINE, SPINE, 6.5),
        ("ap_spine", "2_50_A_C", SPINE, SPINE, 8),
        ("lateral_spine", "1_100_A_C", SPINE, SPINE, 6.5),
        ("lateral_spine", "2_50_A_C", SPINE, SPINE, 8),
        ("left_hip", "1_100_A_C", NECK, NECK, 9),
        ("left_hip", "1_2000100_A_C", NECK, NECK, 6),
        ("left_hip", "2_50_A_C", NECK, NECK, 5.5),
    ]
    assert found.pruned_by == "block"
    assert found.n_peaks == 4
    assert found.unmapped == ("height",)
    assert found.scans_without_hits == (HEAD,)
    assert found.regions[SPINE] == ("ap_spine", "lateral_spine")
    assert found.n_variants == 9
    # the leads are of every scan, each with its own best variant
    leads = list(zip(found.leads["trait"], found.leads["base_pair_location"], strict=True))
    assert leads == [(NECK, 100), (NECK, 2_000_100), (NECK, 50), (SPINE, 50), (SPINE, 200),
                     ("height", 100)]  # fmt: skip
    assert tuple(found.pairs.columns) == PAIR_COLUMNS
    assert found.variants["variant_id"].tolist() == ["1_100_A_C", "1_2000100_A_C", "2_50_A_C"]


def test_the_best_blocks_of_a_region_are_over_all_its_scans():
    left = {f"bmd_femur_{site}_left": site for site in ("neck", "shaft", "total")}
    scans = {
        trait: scan([(c, 10 + i, 6 + 10 * i + c / 10) for c in range(1, 6)])
        for i, trait in enumerate(left)
    }
    rule = SelectionRule(max_blocks=2)
    found = select_regions(scans, rule=rule).pairs
    # chromosomes 5 and 4 are best in every scan; bmd_femur_total's variant has the smallest p
    assert found["variant_id"].tolist() == ["4_12_A_C", "5_12_A_C"]
    assert found["n_scans"].tolist() == [3, 3]
    # the SNP itself is in one scan only
    assert found["best_scan"].tolist() == ["bmd_femur_total_left"] * 2
    one = {NECK: scan([(1, 1, 6), (2, 1, 7)]), "bmd_femur_shaft_left": scan([(3, 1, 8)])}
    for best_of, chosen in (("region", ["2", "3"]), ("scan", ["1", "2", "3"])):
        rule = SelectionRule(max_blocks=2, best_of=best_of)
        pairs = select_regions(one, rule=rule).pairs
        assert [name.split("_")[0] for name in pairs["variant_id"]] == chosen


def test_the_best_of_a_measurement_are_over_its_models():
    rows = [(1, 5, 6), (2, 5, 7), (3, 5, 8)]
    scans = {"bmd_head.linear": scan(rows[:2]), "bmd_head.deepnull": scan(rows[2:])}
    scans["bmd_arms.linear"] = scan([(4, 5, 20)])
    rule = SelectionRule(max_blocks=1, best_of="measurement")
    pairs = select_regions(scans, rule=rule).pairs
    assert pairs["variant_id"].tolist() == ["3_5_A_C", "4_5_A_C"]
    assert set(pairs["region"]) == {"whole_body"}


def test_a_variant_is_the_same_whichever_allele_a_scan_counts():
    scans = {NECK: scan([(1, 5, 9, "A", "C", 0.3)]), SPINE: scan([(1, 5, 7, "C", "A", -0.2)])}
    pairs = select_regions(scans).pairs.set_index("region")
    assert set(pairs["variant_id"]) == {"1_5_A_C"}
    assert set(pairs["effect_allele"]) == {"C"}
    assert pairs.loc["left_hip", "beta"] == 0.3
    assert pairs.loc["ap_spine", "beta"] == 0.2


def test_a_snp_that_is_no_hit_of_the_region_itself_has_no_numbers_there():
    scans = {NECK: scan([(1, 5, 9)]), SPINE: scan([(1, 99, 7)])}
    pairs = select_regions(scans).pairs.set_index("region")
    assert pairs.loc["ap_spine", "variant_id"] == "1_5_A_C"
    assert pairs.loc["ap_spine", ["neg_log_10_p_value", "beta", "standard_error"]].isna().all()
    assert pairs.loc["ap_spine", "best_scan"] == SPINE


def test_p_values_that_underflow_rank():
    scans = {NECK: scan([(c, 5, 400 + c) for c in range(1, 16)])}
    pairs = select_regions(scans, rule=SelectionRule(p_threshold=1e-300)).pairs
    assert pairs["chromosome"].tolist() == list(range(4, 16))


def test_regions_by_flag_and_by_file(tmp_path):
    scans = {"height": scan([(1, 5, 9)]), NECK: scan([(2, 5, 9)])}
    found = select_regions(scans, regions={"height": ["right_knee", "hip"], NECK: ["forearm"]})
    assert set(zip(found.pairs["region"], found.pairs["chromosome"], strict=True)) == {
        ("right_knee", 1), ("hip", 1), ("forearm", 2),
    }  # fmt: skip
    path = tmp_path / "map.tsv"
    path.write_text("name\tregion\tside\nheight\twhole_body\tnone\n")
    found = select_regions(scans, region_map=read_region_map(path))
    assert found.pairs["region"].tolist() == ["whole_body"]
    assert found.unmapped == (NECK,)
    with pytest.raises(UsageError, match="width is no scan; there is height"):
        select_regions(scans, regions={"width": ["hip"]})
    with pytest.raises(UsageError, match=r"expected some of ap_spine.* got toe"):
        select_regions(scans, regions={"height": ["toe"]})


def test_nothing_to_select_gives_an_empty_table_with_columns():
    for scans in ({"height": scan([(1, 5, 9)])}, {NECK: scan([(1, 5, 2)])}):
        found = select_regions(scans)
        assert found.pairs.empty
        assert tuple(found.pairs.columns) == PAIR_COLUMNS
        assert found.n_peaks == 0


def test_senseless_rules_are_refused():
    for bad in (
        {"r2": 0}, {"r2": 1.5}, {"window_bp": -1}, {"best_of": "person"}, {"p_threshold": 0},
        {"block_bp": 0}, {"max_blocks": 0},
    ):  # fmt: skip
        with pytest.raises(UsageError, match="expected"):
            SelectionRule(**bad)


# --- against an implementation of its own -------------------------------------------------------

TRAITS = (
    "bmd_femur_neck_left", "bmd_femur_shaft_left", "bmd_femur_neck_right", "bmd_spine_l1_l4",
    "bmd_legs", "bmd_total", "resid_bmd_head",
)  # fmt: skip
REGIONS = {
    "bmd_femur_neck_left": ["left_hip"], "bmd_femur_shaft_left": ["left_hip"],
    "bmd_femur_neck_right": ["right_hip"], "bmd_spine_l1_l4": ["ap_spine", "lateral_spine"],
    "bmd_legs": ["left_knee", "right_knee", "whole_body"], "bmd_total": ["whole_body"],
    "resid_bmd_head": ["whole_body"],
}  # fmt: skip


def brute_force(tables, r2_of, *, p, block_bp, n_blocks, window_bp, r2_limit):
    """(region, variant) -> scans, with dictionaries and loops over Python numbers."""
    best = {}
    for trait, table in tables.items():
        for c, at, height in zip(
            table["chromosome"],
            table["base_pair_location"],
            table["neg_log_10_p_value"],
            strict=True,
        ):
            if height > -np.log10(p):
                block = (trait, int(c), int(at) // block_bp)
                old = best.get(block)
                if old is None or (-height, at) < (-old[0], old[1]):
                    best[block] = (float(height), int(at))
    chosen = []
    for region in {r for names in REGIONS.values() for r in names}:
        mine = [t for t in tables if region in REGIONS[t]]
        heights = {}
        for (trait, c, b), (height, _) in best.items():
            if trait in mine:
                heights[c, b] = max(height, heights.get((c, b), 0))
        top = sorted(heights, key=lambda cb: (-heights[cb], cb))[:n_blocks]
        chosen += [
            (region, trait, c, *best[trait, c, b])
            for trait in mine
            for c, b in top
            if (trait, c, b) in best
        ]
    height_of = {}
    for _, _, c, height, at in chosen:
        height_of[c, at] = max(height, height_of.get((c, at), 0))
    kept, stands = [], {}
    for snp in sorted(height_of, key=lambda s: (-height_of[s], s)):
        for other in kept:
            near = other[0] == snp[0] and abs(other[1] - snp[1]) <= window_bp
            if near and r2_of(other, snp) >= r2_limit:
                stands[snp] = other
                break
        else:
            kept.append(snp)
            stands[snp] = snp
    pairs = {}
    for region, trait, c, _, at in chosen:
        pairs.setdefault((region, *stands[c, at]), set()).add(trait)
    return pairs


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Seven scans of 1,500 variants in LD blocks of four, and their genotypes in .bed files."""
    from bed_reader import to_bed

    from gwasbone.cohort.read import read_genotypes

    rng = np.random.default_rng(11)
    tables = {trait: made_scan(seed=i, spread=2.2) for i, trait in enumerate(TRAITS)}
    variants = tables[TRAITS[0]]
    m, n = len(variants), 120
    # neighbours in fours share most of their alleles
    ancestors = rng.binomial(1, rng.uniform(0.1, 0.9, m // 4 + 1)[:, None], (m // 4 + 1, 2 * n))
    haplotypes = ancestors[np.arange(m) // 4] ^ (rng.random((m, 2 * n)) < 0.008)
    G = (haplotypes[:, :n] + haplotypes[:, n:]).astype(np.float32)
    folder = tmp_path_factory.mktemp("many")
    to_bed(
        folder / "g.bed",
        G.T,
        properties={
            "iid": [f"p{i}" for i in range(n)], "sex": 1 + np.arange(n) % 2,
            "chromosome": variants["chromosome"].astype(str),
            "bp_position": variants["base_pair_location"], "sid": variants["source_id"],
            "allele_1": variants["effect_allele"], "allele_2": variants["other_allele"],
        },
    )  # fmt: skip
    return tables, G, read_genotypes(bfile=str(folder / "g"), build="GRCh37")


def pairs_of(selection):
    """(region, chromosome, position) -> scans."""
    return {
        (r, c, p): set(s.split(","))
        for r, c, p, s in selection.pairs[
            ["region", "chromosome", "base_pair_location", "scans"]
        ].itertuples(index=False)
    }


@pytest.mark.parametrize(
    ("n_blocks", "r2", "window_bp"), [(12, 0.9, 10_000_000), (5, 0.3, 150_000)]
)
def test_equals_a_brute_force_with_numpys_correlations(many, n_blocks, r2, window_bp):
    tables, G, cohort = many
    some = {trait: table[table["chromosome"] < 23] for trait, table in tables.items()}
    variants = some[TRAITS[0]]
    places = zip(
        variants["chromosome"].tolist(), variants["base_pair_location"].tolist(), strict=True
    )
    row = {place: i for i, place in enumerate(places)}
    rule = SelectionRule(p_threshold=1e-3, max_blocks=n_blocks, r2=r2, window_bp=window_bp)
    found = select_regions(some, cohort=cohort, rule=rule)
    expected = brute_force(
        some, lambda a, b: np.corrcoef(G[row[a]], G[row[b]])[0, 1] ** 2, p=1e-3,
        block_bp=1_000_000, n_blocks=n_blocks, window_bp=window_bp, r2_limit=r2,
    )  # fmt: skip
    assert pairs_of(found) == expected
    # the case has what it is about
    n_snps = len({key[1:] for key in expected})
    assert n_snps < found.n_peaks
    assert found.pruned_by == "ld"
    assert found.n_lost == found.n_replaced == 0


def test_order_of_scans_and_of_rows_does_not_matter(many):
    tables, _, cohort = many
    rule = SelectionRule(p_threshold=1e-3)
    found = select_regions(tables, cohort=cohort, rule=rule)
    shuffled = {
        trait: tables[trait].sample(frac=1, random_state=i)
        for i, trait in enumerate(reversed(TRAITS))
    }
    again = select_regions(shuffled, cohort=cohort, rule=rule, threads=3)
    assert pairs_of(again) == pairs_of(found)
    numbers = ["region", "variant_id", "neg_log_10_p_value", "beta", "standard_error"]
    pd.testing.assert_frame_equal(again.pairs[numbers], found.pairs[numbers])


def test_variants_that_the_genotypes_lack_are_replaced_and_counted(many):
    tables, _, cohort = many
    rule = SelectionRule(p_threshold=1e-3)
    found = select_regions(tables, cohort=cohort, rule=rule)
    leads = found.variants
    table = cohort.variants.table
    keys = set(zip(leads["chromosome"], leads["base_pair_location"], strict=True))
    absent = [
        key in keys for key in zip(table["chromosome"], table["base_pair_location"], strict=True)
    ]
    fewer = cohort.exclude_variants("t", "lead", np.array(absent), description="")
    again = select_regions(tables, cohort=fewer, rule=rule)
    assert again.n_replaced > 0
    assert again.n_lost > 0
    assert not set(again.variants["variant_id"]) & set(leads["variant_id"])
    # the leads of the scans are theirs, whatever the genotypes hold
    pd.testing.assert_frame_equal(again.leads, found.leads)


def test_genotypes_of_none_of_the_variants_leave_nothing(many):
    tables, _, cohort = many
    none = cohort.exclude_variants(
        "t", "all", np.ones(len(cohort.variants), dtype=bool), description=""
    )
    found = select_regions(tables, cohort=none, rule=SelectionRule(p_threshold=1e-3))
    assert found.pairs.empty
    assert found.n_lost > 0


def test_ties_go_by_place():
    rows = [(3, 3_000_010, 8), (1, 5, 8), (1, 3, 8), (1, 2_000_010, 8)]
    found = select_regions({NECK: scan(rows)}, rule=SelectionRule(max_blocks=2)).pairs
    assert found["variant_id"].tolist() == ["1_3_A_C", "1_2000010_A_C"]


def test_representatives_are_as_far_apart_as_they_must_be():
    rng = np.random.default_rng(3)
    for _ in range(30):
        m = 25
        r2 = rng.uniform(size=(m, m))
        r2 = np.maximum(r2, r2.T)
        r2[rng.random((m, m)) < 0.1] = np.nan
        at = rng.integers(0, 50, m)
        stands = representatives(r2, at, 20, 0.9)
        kept = np.flatnonzero(stands == np.arange(m))
        linked = (r2 >= 0.9) & (np.abs(at[:, None] - at) <= 20)
        for i, k in enumerate(kept):
            assert not linked[kept[:i], k].any()
        for i in set(range(m)) - set(kept):
            assert stands[i] < i
            assert linked[stands[i], i]
            assert not linked[kept[kept < stands[i]], i].any()


def test_files_that_are_missing_are_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        select_regions({NECK: tmp_path / "nowhere.tsv.gz"})
