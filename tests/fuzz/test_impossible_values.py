"""Values that cannot be, put into sound files one at a time: each is refused or set aside by name.

Hypothesis writes them in every way that tables spell numbers.
"""

from __future__ import annotations

import gzip
import logging

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gwasbone.columns import positions
from gwasbone.comparison.known_loci import read_loci
from gwasbone.errors import InputError
from gwasbone.genes.files import read_genes
from gwasbone.genes.genetic_map import read_genetic_map
from gwasbone.genome import MAX_POSITION_BP
from gwasbone.sumstats.ld_score_files import read_ld_scores
from gwasbone.sumstats.leads import read_leads
from gwasbone.sumstats.scans import read_scan

FIRE = settings(
    max_examples=40, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


def written(number: float, how: int) -> str:
    """A number as one of the ways of writing it."""
    return (repr(number), f"{number:.6e}", f" {number!r} ", f"{number!r}".upper())[how]


#: What is no position: zero and below, beyond the longest chromosome, between two bases, no number.
no_position = st.one_of(
    st.integers(-(10**15), -1).map(str),
    st.integers(MAX_POSITION_BP + 1, 10**18).map(str),
    st.builds(written, st.floats(0.01, 0.99).map(lambda x: 1000 + round(x, 2)), st.integers(0, 3)),
    st.sampled_from(["inf", "-inf", "1e400", "x", "0x5", "1_000", "1;2", "five", "٣"]),
)
no_chromosome = st.one_of(
    st.integers(27, 10**9).map(str),
    st.integers(-50, 0).map(str),
    st.sampled_from(["77", "chr77", "1.5", "Un", "HLA-A", "chr1_random", "é", "1 2"]),
)
negative = st.one_of(
    st.floats(-1e9, -1e-6).map(repr), st.sampled_from(["-inf", "inf", "1e999", "slow", "--1"])
)


@FIRE
@given(value=no_position)
def test_no_position_passes_in_a_table_of_genes_a_map_loci_leads_or_ld_scores(value, tmp_path):
    place = tmp_path / "table"
    place.write_text(f"gene\tchr\tstart\tend\nA\t1\t{value}\t100000\n")
    with pytest.raises(InputError, match=r"table: .*line 2"):
        read_genes(place, build="GRCh37")
    place.write_text(f"chr\tpos\trate\n1\t{value}\t1\n")
    with pytest.raises(InputError, match=r"table: .*line 2"):
        read_genetic_map(place)
    place.write_text(f"gene\tchr\tpos\nA\t1\t{value}\n")
    for read in (read_loci, read_leads):
        with pytest.raises(InputError, match=r"table: .*line 2"):
            read(place)


@FIRE
@given(value=no_chromosome)
def test_no_other_chromosome_passes(value, tmp_path):
    place = tmp_path / "table"
    place.write_text(f"gene\tchr\tpos\nA\t{value}\t7\n")
    for read in (read_loci, read_leads):
        with pytest.raises(InputError, match=r"table: .*line 2"):
            read(place)
    place.write_text(f"gene\tchr\tstart\tend\nA\t{value}\t7\t9\n")
    with pytest.raises(InputError, match="none of its 1 genes"):
        read_genes(place, build="GRCh37")
    place.write_text(f"chr\tpos\trate\n{value}\t7\t9\n")
    with pytest.raises(InputError, match="on chromosomes 1-22 or X, got none"):
        read_genetic_map(place)


@FIRE
@given(value=negative)
def test_no_negative_rate_count_or_p_value_passes(value, tmp_path):
    place = tmp_path / "table"
    place.write_text(f"chr\tpos\trate\n1\t5\t1\n1\t9\t{value}\n")
    with pytest.raises(InputError, match=r"table: .*line 3"):
        read_genetic_map(place)
    place.write_text(f"chr\tpos\tp\n1\t5\t{value}\n")
    with pytest.raises(InputError, match=r"table: .*line 2"):
        read_loci(place)
    scores = tmp_path / "ld"
    scores.mkdir(exist_ok=True)
    (scores / "1.l2.ldscore.gz").write_bytes(gzip.compress(b"CHR SNP BP L2\n1 a 5 1\n"))
    (scores / "1.l2.M_5_50").write_text(value)
    with pytest.raises(InputError, match=r"1\.l2\.M_5_50"):
        read_ld_scores(scores)


HEADER = (
    "chromosome\tbase_pair_location\teffect_allele\tother_allele\tbeta\tstandard_error\t"
    "effect_allele_frequency\tp_value\tn\n"
)
SOUND = ["1", "1000", "A", "G", "0.1", "0.05", "0.3", "0.0455", "1000"]


@FIRE
@given(
    fault=st.one_of(
        st.tuples(st.just(0), no_chromosome),
        st.tuples(st.just(1), st.sampled_from(["-5", "0", "9e12", "1000.5", "inf"])),
        st.tuples(st.just(2), st.sampled_from(["", "<b>", "A/G", "é", "Z"])),
        st.tuples(st.just(4), st.sampled_from(["inf", "-inf", "1e999"])),
        st.tuples(st.just(5), st.one_of(st.floats(-1e6, 0).map(repr), st.just("inf"))),
        st.tuples(st.just(6), st.floats(1.01, 1e6).map(repr)),
        st.tuples(st.just(6), st.floats(-1e6, -1e-3).map(repr)),
        st.tuples(st.just(7), st.floats(1.01, 1e6).map(repr)),
        st.tuples(st.just(7), st.floats(-1e6, -1e-9).map(repr)),
        st.tuples(st.just(8), st.floats(-1e9, 0.9).map(repr)),
    )
)
def test_a_row_that_no_scan_can_have_is_set_aside_and_named(fault, tmp_path, caplog):
    column, value = fault
    rows = [[*SOUND] for _ in range(30)]
    for i, row in enumerate(rows):
        row[1] = str(1000 + i)
    rows[10][column] = value
    place = tmp_path / "scan.bmd.tsv"
    place.write_text(HEADER + "".join("\t".join(row) + "\n" for row in rows))
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="gwasbone"):
        table = read_scan(place)
    assert len(table) == 29
    assert f"{place}: 1 row set aside: " in caplog.text
    assert "(first in line 12)" in caplog.text


@given(st.integers(1, MAX_POSITION_BP), st.integers(0, 3))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_a_position_is_read_however_it_is_written(position, how):
    spelled = (str(position), f"{position}.0", f"{position:,}", f"{position:.9e}")[how]
    assert positions(pd.Series([spelled])).item() == position
