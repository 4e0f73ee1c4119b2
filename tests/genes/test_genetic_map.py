"""Genetic maps of the usual kinds."""

import gzip

import pytest

from gwasbone.errors import InputError
from gwasbone.genes.genetic_map import read_genetic_map


def read(tmp_path, text, **options):
    path = tmp_path / "map.txt"
    path.write_text(text)
    return read_genetic_map(path, **options).to_numpy().tolist()


@pytest.mark.parametrize(
    "text",
    [
        "Chromosome\tPosition(bp)\tRate(cM/Mb)\tMap(cM)\nchr7\t200\t4\t1\nchr7\t100\t2.5\t0\n",
        "chr position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n7 100 2.5 0\n7 200 4 1\n",
        "chrom,pos,cm_per_mb\n7,100,2.5\n7,200,4\n",
        # deCODE: a rate per interval, the position in cM of its end
        "Chr\tBegin\tEnd\tcMperMb\tcM\nchr7\t100\t200\t2.5\t1\nchr7\t200\t300\t4\t2\n",
        # LocusZoom
        "chr\tpos\trecomb\tcm_pos\n7\t100\t2.5\t0\n7\t200\t4\t1\n",
        # spreadsheets and R
        '"chr","pos","rate"\n7.0,100.0,2.5\n7.0,"200",4\n',
        # other sequences, and rows without a value
        "chr pos rate_male rate_female rate\n7 100 9 9 2.5\n7 200 9 9 4\n7 9 9 9 NA\nU 1 9 9 1\n",
    ],
)
def test_rates(tmp_path, text):
    assert read(tmp_path, text) == [[7, 100, 2.5], [7, 200, 4]]


def test_rates_from_positions_in_cm(tmp_path):
    text = "pos\tchr\tcM\n1000000\t7\t0.5\n3000000\t7\t1.5\n4000000\t7\t1.5\n5\t8\t0\n"
    assert read(tmp_path, text) == [
        [7, 1_000_000, 0.5], [7, 3_000_000, 0], [7, 4_000_000, 0], [8, 5, 0],
    ]  # fmt: skip


def test_of_a_map_of_both_sexes_the_average_is_used(tmp_path):
    text = "chr physical_position map_female map_male map_average\n"
    text += "1 1000000 0 0 0\n1 2000000 4 2 3\n"
    assert read(tmp_path, text) == [[1, 1_000_000, 3], [1, 2_000_000, 0]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr pos rate_male rate_female\n7 1 1 1\n", "position in cM, of both sexes; got chr"),
        ("chr pos rate recomb\n7 1 1 2\n", "one column for the rate, got rate, recomb"),
        ("chr pos bp rate\n7 1 1 2\n", "one column for the base pair location, got pos, bp"),
        ("chr pos cM map\n7 1 1 2\n", "one column for the cm, got cM, map"),
        ("chr begin cM\n7 1 1\n", "names the position"),
        ("chr pos rate\n7 1 2\n7 9 -0.5\n", "0 cM/Mb or more; 1 row has not, .* line 3: .*-0.5"),
        ("chr pos cM\n7 1 2\n7 9 1\n", "positions in cM that do not fall; .* line 2"),
        ("chr pos cM\n7 9 2\n7 9 1\n", "positions in cM that do not fall"),
        ("chr pos rate\n7 1 fast\n", "a number for the rate in each row; .* line 2: .*'fast'"),
        ("chr pos rate\n7 1 inf\n", "a number for the rate"),
        ("chr pos rate\n7 -1 2\n", "positions in bp .* line 2"),
        ("chr pos rate\n7 1e12 2\n", "positions in bp"),
        ("chr pos rate\n7 1.5 2\n", "positions in bp"),
        ("chr pos rate\n77 1 2\n", "on chromosomes 1-22 or X, got none"),
        ("chr pos rate\n7 1\n", "line 2: expected 3 columns, got 2"),
    ],
)
def test_what_is_ambiguous_or_impossible_is_refused(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read(tmp_path, text)


def test_a_file_of_one_chromosome(tmp_path):
    text = "position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n100 2.5 0\n"
    assert read(tmp_path, text, chromosome=7) == [[7, 100, 2.5]]
    with pytest.raises(InputError, match="column for the chromosome"):
        read(tmp_path, text)


def test_gzip_and_refusals(tmp_path):
    (tmp_path / "m.gz").write_bytes(gzip.compress(b"chr pos rate\nX 5 1\n"))
    assert read_genetic_map(tmp_path / "m.gz").to_numpy().tolist() == [[23, 5, 1]]
    with pytest.raises(InputError, match="no such file"):
        read_genetic_map(tmp_path / "none")
    with pytest.raises(InputError, match="names the position"):
        read(tmp_path, "a b\n1 2\n")
    with pytest.raises(InputError, match="are numbers"):
        read(tmp_path, "chr pos rate\n7 x 1\n")
    with pytest.raises(InputError, match="no line at all"):
        read(tmp_path, "")


def test_positions_in_cm_are_not_looked_at_beside_a_rate(tmp_path):
    path = tmp_path / "map.txt"
    path.write_text("chr\tpos\trate\tcM\tgenetic_map\n1\t100\t0.5\t7\t1\n1\t200\t0.25\t6\t2\n")
    assert read_genetic_map(path)["cm_per_mb"].tolist() == [0.5, 0.25]
