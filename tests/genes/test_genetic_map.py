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
    ],
)
def test_rates(tmp_path, text):
    assert read(tmp_path, text) == [[7, 100, 2.5], [7, 200, 4]]


def test_rates_from_positions_in_cm(tmp_path):
    text = "pos\tchr\tcM\n1000000\t7\t0.5\n3000000\t7\t1.5\n4000000\t7\t1.5\n5\t8\t0\n"
    assert read(tmp_path, text) == [
        [7, 1_000_000, 0.5], [7, 3_000_000, 0], [7, 4_000_000, 0], [8, 5, 0],
    ]  # fmt: skip


def test_a_file_of_one_chromosome(tmp_path):
    text = "position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n100 2.5 0\n"
    assert read(tmp_path, text, chromosome=7) == [[7, 100, 2.5]]
    with pytest.raises(InputError, match="column for the chromosome"):
        read(tmp_path, text)


def test_gzip_and_refusals(tmp_path):
    (tmp_path / "m.gz").write_bytes(gzip.compress(b"chr pos rate\nX 5 1\n"))
    assert read_genetic_map(tmp_path / "m.gz").to_numpy().tolist() == [[23, 5, 1]]
    with pytest.raises(InputError, match="No such file"):
        read_genetic_map(tmp_path / "none")
    with pytest.raises(InputError, match="names the position"):
        read(tmp_path, "a b\n1 2\n")
    with pytest.raises(InputError, match="are numbers"):
        read(tmp_path, "chr pos rate\n7 x 1\n")
    with pytest.raises(InputError, match="genetic map"):
        read(tmp_path, "")
