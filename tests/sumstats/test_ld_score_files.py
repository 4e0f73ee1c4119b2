"""LD scores of a folder, or of one set of files in it."""

import gzip
import logging

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.sumstats.ld_score_files import (
    LdScores,
    find_ld_scores,
    named_chromosomes,
    read_ld_scores,
)

ROWS = "CHR SNP BP L2\n1 a 100 2.5\n1 b 200 4\n2 c 100 -0.5\n"


def put(folder, name, text=ROWS, count="1000"):
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / f"{name}.l2.ldscore.gz", "wt") as file:
        file.write(text)
    if count is not None:
        (folder / f"{name}.l2.M_5_50").write_text(f"{count}\n")
    return folder


def test_scores_sorted_by_locus_and_counts_summed_over_files(tmp_path):
    put(tmp_path, "10", "CHR\tSNP\tBP\tCM\tL2\n10\ta\t5\t0\t1\n", 30)
    scores = read_ld_scores(put(tmp_path, "1", "SNP CHR BP L2\nb 1 9 2\na chr1 7.0 3\n", 70))
    assert scores.chromosome.tolist() == [1, 1, 10]
    assert scores.position_bp.tolist() == [7, 9, 5]
    assert scores.ld_score.tolist() == [3, 2, 1]
    assert scores.m_ld == 100


@pytest.mark.parametrize("other", ["AFR", "EUR (1)"])
def test_files_that_overlap_are_refused_and_a_prefix_names_one_set(tmp_path, other):
    put(tmp_path, "UKBB.EUR")
    # another variant of the same stretch: no locus is in both
    put(tmp_path, f"UKBB.{other}", "CHR SNP BP L2\n1 a 150 2\n", 7000)
    with pytest.raises(InputError, match=r"both have chromosome 1: .*prefix, such as \S+/UKBB\."):
        read_ld_scores(tmp_path)
    scores = read_ld_scores(tmp_path / "UKBB.EUR")
    assert (scores.m_ld, len(scores)) == (1000, 3)


def test_a_prefix_stands_for_a_file_per_chromosome_and_for_nothing_longer(tmp_path):
    for name in ("eur.1", "eur.2", "eur.2.old", "eurasia.1", "chr7", "chr12"):
        put(tmp_path, name)
    names = lambda prefix: [p.name.split(".l2")[0] for p in find_ld_scores(tmp_path / prefix)]  # noqa: E731
    assert names("eur") == names("eur.") == ["eur.1", "eur.2"]
    assert names("chr") == ["chr12", "chr7"]
    assert names("eur.2") == ["eur.2"]
    assert names("e") == []
    with pytest.raises(InputError, match="expected LD scores as"):
        read_ld_scores(tmp_path / "asia")


def test_what_is_no_autosome_is_left_out_with_its_count_and_rows_without_a_place(tmp_path, caplog):
    put(tmp_path, "x", "CHR SNP BP L2\nX a 100 2\n", 5000)
    put(tmp_path, "1", "CHR SNP BP L2\n1 a 100 2\n1 b NA 2\n1 c 300 NA\nX d 5 1\n", 10)
    with caplog.at_level(logging.INFO, logger="gwasbone"):
        scores = read_ld_scores(tmp_path)
    assert (scores.position_bp.tolist(), scores.m_ld) == ([100], 10)
    assert "4 LD scores without a position on an autosome left out" in caplog.text


@pytest.mark.parametrize(
    ("text", "count", "says"),
    [
        (ROWS, "nan", r"1\.l2\.M_5_50: expected a number of variants above 0, got nan"),
        (ROWS, "0", "above 0, got 0"),
        (ROWS, "-5", "above 0, got -5"),
        (ROWS, "inf", "above 0, got inf"),
        (ROWS, "", r"1\.l2\.M_5_50: expected the number of variants"),
        (ROWS, None, r"1\.l2\.M_5_50: no such file"),
        ("CHR SNP BP baseL2\n1 a 5 1\n", "9", r"1\.l2\.ldscore\.gz: .* no L2"),
        ("CHR SNP BP L2\n1 a 5 1\n1 b -7 1\n", "9", r"line 3: CHR '1.0', BP '-7.0'"),
        ("CHR SNP BP L2\n1 a 5.5 1\n", "9", "whole positions"),
        ("CHR SNP BP L2\n1 a 5 inf\n", "9", "finite LD scores"),
        ("CHR SNP BP L2\n1 a 5 x\n", "9", "line 2: expected a number in column L2, got 'x'"),
        ("CHR SNP BP L2\n1 a 5 1\n1 b\n", "9", "line 3: expected 4 columns, got 2"),
        ("CHR SNP BP L2\n77 a 5 1\n", "9", "of chromosomes 1-22, got none"),
        ("CHR SNP BP L2\n", "9", "a header alone"),
        ("", "9", "no line at all"),
    ],
)
def test_what_is_no_set_of_ld_scores_is_refused_by_file_and_line(tmp_path, text, count, says):
    with pytest.raises(InputError, match=says):
        read_ld_scores(put(tmp_path, "1", text, count))


def test_a_file_that_is_cut_short_is_named(tmp_path):
    many = "CHR SNP BP L2\n" + "".join(f"1 rs{i} {i} {i % 7}\n" for i in range(1, 5000))
    path = put(tmp_path, "1", many) / "1.l2.ldscore.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"1\.l2\.ldscore\.gz: expected a complete table"):
        read_ld_scores(tmp_path)


def test_chromosomes_in_words():
    assert named_chromosomes([23]) == "X"
    assert named_chromosomes(np.array([22, 1, 2, 3])) == "1-3, 22"
    assert named_chromosomes([1, 2]) == "1-2"


def test_positions_with_several_variants_have_no_score():
    scores = LdScores.of([1, 1, 1, 2], [10, 10, 20, 10], [3, 4, 5, 6], m_ld=9, source="made")
    assert scores.position_bp.tolist() == [20, 10]
    assert scores.ld_score.tolist() == [5, 6]
