"""Every reader of files: how to make sound files for it, and how to read all of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import GwasboneError


@dataclass(frozen=True)
class Reader:
    """A reader under fire.

    Parameters
    ----------
    make : writes sound files into a folder.
    read : reads all that is in them.
    spared : endings of files that are not damaged.
    seeds : how many cases the default suite runs; 0 for what the slow tests alone run.
    raises : what the reader raises on purpose.
    """

    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    spared: tuple[str, ...] = ()
    seeds: int = 40
    raises: tuple[type[Exception], ...] = (GwasboneError,)


def text(name: str, content: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).write_text(content)

    return make


def _genotypes(folder: Path, **where: str) -> None:
    from gwasbone.cohort.chosen_variants import dosages_of
    from gwasbone.cohort.read import read_genotypes

    cohort = read_genotypes(**where, build="GRCh37")
    dosages_of(cohort, np.arange(len(cohort.variants.table)))
    if cohort.source.capabilities.calls:
        cohort.source.calls(cohort.participants).read(cohort.variants.table)


def _make_bed(folder: Path) -> None:
    from bed_reader import to_bed

    G = np.random.default_rng(1).binomial(2, 0.3, (13, 8)).astype(np.float32)
    properties = {
        "iid": [f"i{i}" for i in range(13)], "fid": ["f"] * 13, "sex": [1, 2] * 6 + [0],
        "chromosome": [*"11122", "23", "24", "26"],
        "bp_position": [5, 7, 9, 100, 200, 5_000_000, 6_000_000, 70],
        "sid": [f"rs{i}" for i in range(8)], "allele_1": list("ACGTACGT"),
        "allele_2": list("CGTACGTA"),
    }  # fmt: skip
    to_bed(folder / "g.bed", G, properties=properties)


def _make_bgen(folder: Path, **options: Any) -> None:
    from made_bgen import MadeVariant, random_probabilities, write_bgen

    rng = np.random.default_rng(2)
    values = random_probabilities(rng, 6, 9)
    made = [
        MadeVariant(v.tolist(), source_id=f"rs{i}", position=1000 + i, chromosome=str(1 + i // 4))
        for i, v in enumerate(values)
    ]
    write_bgen(folder / "g.bgen", made, **options)


def _make_vcf(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from gwasbone.simulate.files import BgzfWriter

        rng = np.random.default_rng(4)
        head = (
            "##fileformat=VCFv4.2\n##contig=<ID=1,length=249250621>\n"
            "##contig=<ID=X,length=155270560>\n"
            '##INFO=<ID=R2,Number=1,Type=Float,Description="">\n'
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
            '##FORMAT=<ID=DS,Number=A,Type=Float,Description="">\n'
            '##FORMAT=<ID=GP,Number=G,Type=Float,Description="">\n'
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
        ) + "\t".join(f"i{i}" for i in range(9))
        kinds = {
            "GT": ["0/0", "0|1", "1/1", "./."], "GT:DS": ["0/1:0.9", "1/1:2", "./.:."],
            "GP": ["1,0,0", "0.1,0.8,0.1", "."], "GT:XX": ["0:3", "1", "./1:2"],
        }  # fmt: skip
        lines = [head]
        for i in range(40):
            chromosome, fmt = "1X"[i // 20], str(rng.choice(list(kinds)))
            alt = "C,T" if fmt == "GT" and i % 5 == 0 else "G"
            calls = rng.choice(kinds[fmt], 9)
            fields = (chromosome, str(5_000_000 + i), f"v{i}", "A", alt, ".", ".", "R2=0.9", fmt)
            lines.append("\t".join((*fields, *calls)))
        text = ("\n".join(lines) + "\n").encode()
        if name.endswith(".gz"):
            with BgzfWriter(folder / name) as stream:
                stream.write(text)
        else:
            (folder / name).write_bytes(text)

    return make


def _make_bcf(folder: Path) -> None:
    """Not compressed, so that damage is to what records say."""
    import struct

    head = (
        b"##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=X>\n"
        b'##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
        b'##FORMAT=<ID=DS,Number=A,Type=Float,Description="">\n'
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ti0\ti1\ti2\n"
    ) + b"\0"
    data = b"BCF\2\2" + struct.pack("<I", len(head)) + head
    calls = [(2, 4), (4, 4), (0, 0), (2, 0x81), (4, 0x81)]
    rng = np.random.default_rng(5)
    for i in range(30):
        fixed = struct.pack("<iiifHHI", i // 15, 1_000 + i, 1, 1.0, 0, 2, 3 | 2 << 24)
        shared = fixed + b"\x27v%d" % (i % 10) + b"\x17A\x17G" + b"\x11\x00"
        genotypes = b"".join(bytes(calls[k]) for k in rng.integers(0, 5, 3))
        stated = struct.pack("<3f", *rng.uniform(0, 1, 3).round(3))
        single = b"\x11\x01\x21" + genotypes + b"\x11\x02\x15" + stated
        data += struct.pack("<II", len(shared), len(single)) + shared + single
    (folder / "g.bcf").write_bytes(data)


def _read_bgen(folder: Path) -> None:
    sample = folder / "g.sample"
    _genotypes(folder, bgen=str(folder / "g.bgen"), sample=str(sample))


def _make_pgen(folder: Path) -> None:
    from made_pgen import write_pgen, write_tables

    rng = np.random.default_rng(5)
    G = rng.binomial(2, rng.choice([0.02, 0.2, 0.5], (24, 1)), (24, 70)).astype(float)
    G[rng.random(G.shape) < 0.02] = np.nan
    # some are like the one before, some have dosages
    G[1::4] = G[::4]
    G[2::4] = np.clip(G[2::4] + rng.normal(0, 0.2, G[2::4].shape), 0, 2)
    G[3::4, :3] = 0.7
    write_pgen(folder / "g", G, dosages=True)
    places = [(str(1 + i // 8), 1000 + i) for i in range(24)]
    write_tables(folder / "g", places, [1, 2] * 35)


def _people(rng: np.random.Generator) -> pd.DataFrame:
    n = 12
    return pd.DataFrame(
        {
            "FID": ["f"] * n, "IID": [f"i{i}" for i in range(n)],
            "bmd": rng.normal(size=n).round(4), "case": rng.integers(0, 2, n),
            "centre": rng.choice(["Leeds", "Bury"], n),
        }
    )  # fmt: skip


def _make_people(name: str, **options: Any) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        table = _people(np.random.default_rng(3))
        if name.endswith(".parquet"):
            table.to_parquet(folder / name)
        else:
            table.to_csv(folder / name, index=False, **options)

    return make


def _read_people(name: str) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        from gwasbone.phenotypes.table import read_people_table

        return read_people_table(folder / name)

    return read


def _make_id_list(folder: Path) -> None:
    _make_bed(folder)
    (folder / "keep.txt").write_text("FID IID\n" + "".join(f"f i{i}\n" for i in range(6)))
    (folder / "extract.txt").write_text("rs1\n1:9:T:G\nrs4\n")


def _read_id_list(folder: Path) -> None:
    from gwasbone.cohort.read import read_genotypes
    from gwasbone.cohort.subsets import subset

    cohort = read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    subset(cohort, keep=folder / "keep.txt", extract=folder / "extract.txt")


def _make_scan(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from made_formats import FORMATS, made_truth

        truth = folder / "truth"
        truth.mkdir()
        FORMATS[name].write(made_truth(truth, m=40), folder)
        shutil.rmtree(truth)

    return make


def _read_scans(folder: Path) -> None:
    from gwasbone.sumstats.scans import is_beside_a_scan, open_scans

    files = [p for p in sorted(folder.iterdir()) if not is_beside_a_scan(p)]
    for scan in open_scans(files).values():
        scan.hits(above=1.0)
        scan.table()


def _read_named_scans(folder: Path) -> None:
    from gwasbone.sumstats.scans import Positions, open_scans

    positions = Positions.of_table(
        pd.DataFrame({"source_id": ["rs1"], "chromosome": [1], "base_pair_location": [5]})
    )
    files = [p for p in sorted(folder.iterdir()) if p.suffix != ".log"]
    for scan in open_scans(files, positions=positions).values():
        scan.table()


def _read_positions(folder: Path) -> None:
    from gwasbone.sumstats.scans import Positions

    for path in sorted(folder.iterdir()):
        Positions.read(path)


def _make_positions(folder: Path) -> None:
    rows = [(1 + i // 5, f"rs{i}", 100 * i + 7) for i in range(10)]
    (folder / "a.bim").write_text("".join(f"{c}\t{r}\t0\t{p}\tA\tC\n" for c, r, p in rows))
    (folder / "b.tsv").write_text(
        "SNP\tCHR\tBP\n" + "".join(f"{r}\t{c}\t{p}\n" for c, r, p in rows)
    )


def _make_ld_scores(folder: Path) -> None:
    import gzip

    for c in (1, 2):
        rows = "".join(f"{c}\trs{i}\t{1000 * i + 5}\t{i % 7}.25\n" for i in range(1, 40))
        with gzip.open(folder / f"{c}.l2.ldscore.gz", "wt") as file:
            file.write("CHR\tSNP\tBP\tL2\n" + rows)
        (folder / f"{c}.l2.M_5_50").write_text("1000\n")


def _read_ld_scores(folder: Path) -> Any:
    from gwasbone.sumstats.ld_score_files import read_ld_scores

    return read_ld_scores(folder)


_GTF = "#!genome-build GRCh37\n" + "".join(
    f"chr{1 + i // 3}\tx\t{kind}\t{1000 * i + 1}\t{1000 * i + 500}\t.\t+\t.\t"
    f'gene_id "E{i}"; transcript_id "T{i}"; gene_name "G;{i}"; gene_type "protein_coding";\n'
    for i in range(1, 8)
    for kind in ("gene", "transcript", "exon")
)
_GENES = "gene\tchromosome\tstart\tend\tstrand\tbiotype\n" + "".join(
    f"G{i}\t{1 + i // 3}\t{1000 * i}\t{1000 * i + 400}\t-\tprotein_coding\n" for i in range(1, 8)
)
_GENE_LOC = "".join(f"{i}\t{1 + i // 3}\t{10 * i}\t{10 * i + 4}\t+\tG{i}\n" for i in range(1, 8))
_MAP = "chr\tposition\tCOMBINED_rate(cM/Mb)\tGenetic_Map(cM)\n" + "".join(
    f"1\t{1000 * i}\t{i % 3}.5\t{0.01 * i}\n" for i in range(1, 20)
)
_LOCI = "chromosome\tbase_pair_location\teffect_allele\tother_allele\tp_value\tgene\n" + "".join(
    f"{i}\t{1000 * i}\tA\tG\t1e-{i}\tG{i}\n" for i in range(1, 12)
)


def _read_genes(folder: Path) -> Any:
    from gwasbone.genes.files import read_genes

    [path] = folder.iterdir()
    return read_genes(path, build="GRCh37")


def _read_map(folder: Path) -> Any:
    from gwasbone.genes.genetic_map import read_genetic_map

    return read_genetic_map(folder / "map.txt")


def _read_loci(folder: Path) -> Any:
    from gwasbone.comparison.known_loci import read_loci

    return read_loci(folder / "loci.tsv")


def _read_leads(folder: Path) -> Any:
    from gwasbone.sumstats.leads import read_leads

    return read_leads(folder / "leads.tsv")


_STUDY = """[study]
name = "bones"
build = "GRCh37"

[genotypes]
bfile = "g"

[phenotypes]
tables = ["cohort.tsv"]

[covariates]
quantitative = ["age"]

[qc]
maf = 0.01

[association]
traits = ["bmd"]
"""


def _read_study(folder: Path) -> Any:
    from gwasbone.study.config import load_config

    return load_config(folder / "study.toml")


def _make_definition(folder: Path) -> None:
    from gwasbone.phenotypes.case_definition import osteoporosis_text

    (folder / "cases.toml").write_text(osteoporosis_text())


def _read_definition(folder: Path) -> Any:
    from gwasbone.phenotypes.case_definition import read_definition

    return read_definition(folder / "cases.toml")


def _make_cache(folder: Path) -> None:
    from made_dicom import scan, write_dicom

    from gwasbone.images.build import build_cache
    from gwasbone.images.settings import ImageSettings
    from gwasbone.images.sources import find_sources

    source = folder / "in"
    for i in range(4):
        side = ("Left", "Right")[i % 2]
        write_dicom(source / f"s{i}.dcm", scan(i), PatientID=f"p{i}", ProtocolName=f"{side} Femur")
    build_cache(find_sources([str(source)]), folder / "cache", ImageSettings.sized(32))
    shutil.rmtree(source)


def _read_cache(folder: Path) -> None:
    from gwasbone.images.cache import open_cache

    cache = open_cache(folder / "cache")
    for name in cache.names:
        cache.pictures(name)[:]


def _make_stage(folder: Path) -> None:
    from gwasbone.study.runner import RECORD

    (folder / "hashes.json").write_text(json.dumps({"a.tsv": [12, 34, "abc"]}))
    content = {"made_from": {"inputs": {"a": "1"}}, "outputs": {"x.tsv": "2"}, "seconds": 3}
    (folder / RECORD).write_text(json.dumps(content))


def _read_stage(folder: Path) -> Any:
    from gwasbone.study.runner import Hashes, read_record

    return read_record(folder), Hashes.load(folder / "hashes.json")


def _make_masked(folder: Path) -> None:
    from gwasbone.cohort.masks import MaskedTable

    frame = pd.DataFrame({"sex": [1, 2, 0]}, index=pd.Index(["a", "b", "c"], name="person"))
    table = MaskedTable("people", frame, ())
    table.exclude("qc", "sex", np.array([False, True, False]), description="x").write(
        folder / "people.parquet"
    )


def _read_masked(folder: Path) -> Any:
    from gwasbone.cohort.masks import MaskedTable

    return MaskedTable.read(folder / "people.parquet")


def _make_model(folder: Path) -> None:
    from gwasbone.learning.reference import ReferenceBackend

    network = {
        "input": "table", "numeric": ["age", "bmi"], "categorical": {"centre": 3},
        "heads": [{"name": "y", "kind": "binary", "size": 1}],
    }  # fmt: skip
    ReferenceBackend().build(network, seed=1).save(folder / "model.npz")


def _read_model(folder: Path) -> Any:
    from gwasbone.learning.reference import ReferenceBackend

    return ReferenceBackend().load(folder / "model.npz")


def _make_keras(folder: Path) -> None:
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.networks import Head, ImageNetwork, as_mapping

    network = ImageNetwork(heads=(Head("case", "binary"),), height=48, width=48)
    load_backend("keras").build(as_mapping(network), seed=4).save(folder / "model.keras")


def _read_keras(folder: Path) -> Any:
    from gwasbone.learning.backend import load_backend

    return load_backend("keras").load(folder / "model.keras")


def _make_card(folder: Path) -> None:
    card = {
        "key": "0" * 32, "model_hash": "1" * 16, "network": {"heads": []}, "plan": {"epochs": 2},
        "seed": 3, "history": [{"epoch": 1, "validation_loss": 0.5}],
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card, indent=1))


def _read_card(folder: Path) -> Any:
    from gwasbone.learning.cross_fit import read_card

    return read_card(folder / "model.npz")


def _make_biobank(folder: Path) -> None:
    table = {
        "eid": [101, 102, 103, 104], "31-0.0": [0, 1, 0, 1], "21003-2.0": [61, 62, 63, 64],
        "41270-0.0": ["S7200", None, "I10", "M8588"], "41270-0.1": ["I10", None, None, "S525"],
        "20003-0.0": [None, None, "fosamax 10mg tablet", "paracetamol"],
    }  # fmt: skip
    pd.DataFrame(table).to_csv(folder / "ukb.csv", index=False)


def _read_biobank(folder: Path) -> Any:
    from gwasbone.phenotypes.biobank_table import read_biobank_table

    kinds = {31: "number", 21003: "number", 41270: "text", 20003: "text"}
    read_biobank_table(folder / "ukb.csv", kinds)  # type: ignore[arg-type]
    return read_biobank_table(folder / "ukb.csv")


def _make_assessments(folder: Path) -> None:
    table = pd.DataFrame({"person": list("aabb"), "instance": [2, 3, 2, 3], "bmd": [1, 2, 3, 4.5]})
    table.to_parquet(folder / "a.parquet")


def _read_assessments(folder: Path) -> Any:
    from gwasbone.phenotypes.confounders import read_assessments

    return read_assessments(folder / "a.parquet")


def _read_coding(folder: Path) -> Any:
    from gwasbone.phenotypes.cases import read_coding

    return read_coding(folder / "coding19.tsv")


def _read_labels(folder: Path) -> Any:
    from gwasbone.images.sources import read_labels

    return read_labels(folder / "labels.tsv")


def _make_fasta(folder: Path) -> None:
    (folder / "ref.fa").write_text(">1\nACGTACGTAC\nGTACGT\n>2\nTTTTTTTTTT\n")
    (folder / "ref.fa.fai").write_text("1\t16\t3\t10\t11\n2\t10\t24\t10\t11\n")


def _read_fasta(folder: Path) -> Any:
    from gwasbone.cohort.sources.left_align import Fasta

    fasta = Fasta.open(folder / "ref.fa")
    return [fasta.before(chromosome, position, 8) for chromosome in (1, 2) for position in (3, 15)]


def _make_measurements(folder: Path) -> None:
    from importlib.resources import files

    source = files("gwasbone") / "resources" / "bmd_measurements.tsv"
    (folder / "m.tsv").write_text(source.read_text(encoding="utf-8"))


def _read_measurements(folder: Path) -> Any:
    from gwasbone.phenotypes.measurements import bmd_measurements

    return bmd_measurements(folder / "m.tsv")


def _read_region_map(folder: Path) -> Any:
    from gwasbone.images.region_map import read_region_map

    return read_region_map(folder / "map.tsv")


def _read_results(folder: Path) -> None:
    from gwasbone.association.results import AssociationResults

    [home] = folder.iterdir()
    results = AssociationResults.open(home)
    for trait in results.traits:
        results.table(trait)
    for scan in results.scans().values():
        scan.table()


READERS: dict[str, Reader] = {
    "bed": Reader(_make_bed, lambda folder: _genotypes(folder, bfile=str(folder / "g")), seeds=70),
    "pgen": Reader(
        _make_pgen, lambda folder: _genotypes(folder, pfile=str(folder / "g")), seeds=100
    ),
    "bgen": Reader(_make_bgen, _read_bgen, seeds=100),
    "bgen_plain": Reader(lambda f: _make_bgen(f, compression=0, ids_inside=True), _read_bgen),
    "bgen_zstd": Reader(lambda f: _make_bgen(f, compression=2), _read_bgen),
    "vcf": Reader(
        _make_vcf("g.vcf"), lambda folder: _genotypes(folder, vcf=str(folder / "g.vcf")), seeds=150
    ),
    "vcf_bgzip": Reader(
        _make_vcf("g.vcf.gz"), lambda folder: _genotypes(folder, vcf=str(folder / "g.vcf.gz")),
        seeds=100,
    ),
    "bcf": Reader(
        _make_bcf, lambda folder: _genotypes(folder, bcf=str(folder / "g.bcf")), seeds=150
    ),
    "people_tsv": Reader(_make_people("p.tsv", sep="\t"), _read_people("p.tsv"), seeds=70),
    "people_csv_gz": Reader(_make_people("p.csv.gz"), _read_people("p.csv.gz")),
    "people_parquet": Reader(_make_people("p.parquet"), _read_people("p.parquet"), seeds=70),
    "biobank_table": Reader(_make_biobank, _read_biobank, seeds=100),
    "assessments": Reader(_make_assessments, _read_assessments),
    "coding": Reader(text("coding19.tsv", "coding\tmeaning\nM81\tosteoporosis\n"), _read_coding),
    "labels": Reader(text("labels.tsv", "file\tregion\tside\na.dcm\thip\tleft\n"), _read_labels),
    "region_map": Reader(text("map.tsv", "name\tregion\tside\nbmd\thip\tleft\n"), _read_region_map),
    "measurements": Reader(_make_measurements, _read_measurements),
    "fasta_index": Reader(_make_fasta, _read_fasta),
    "id_lists": Reader(_make_id_list, _read_id_list, spared=(".bed", ".bim", ".fam")),
    **{
        f"scan_{name}": Reader(_make_scan(name), _read_scans, seeds=n)
        for name, n in {
            "ours": 30, "catalog": 40, "catalog_odds_ratio": 20, "ours_parquet": 60,
            "ours_wide_parquet": 60, "regenie": 30, "regenie_no_split": 20, "plink_linear": 30,
            "plink_logistic": 20, "bolt": 20, "saige": 20, "fastgwa": 20, "metal_places": 20,
            "finngen": 20, "gwas_vcf": 40,
        }.items()
    },
    **{
        f"scan_{name}": Reader(_make_scan(name), _read_named_scans, seeds=20)
        for name in ("metal_names", "ldsc")
    },
    "results_folder": Reader(_make_scan("ours_results_folder"), _read_results),
    "positions": Reader(_make_positions, _read_positions),
    "ld_scores": Reader(_make_ld_scores, _read_ld_scores, seeds=70),
    "gtf": Reader(text("genes.gtf", _GTF), _read_genes, seeds=70),
    "gene_table": Reader(text("genes.tsv", _GENES), _read_genes, seeds=100),
    "gene_loc": Reader(text("genes.gene.loc", _GENE_LOC), _read_genes),
    "genetic_map": Reader(text("map.txt", _MAP), _read_map, seeds=100),
    "loci": Reader(text("loci.tsv", _LOCI), _read_loci, seeds=100),
    "leads": Reader(text("leads.tsv", _LOCI), _read_leads, seeds=100),
    "study": Reader(text("study.toml", _STUDY), _read_study, seeds=100),
    "case_definition": Reader(_make_definition, _read_definition),
    "image_cache": Reader(_make_cache, _read_cache, seeds=70),
    "stage_record": Reader(_make_stage, _read_stage, seeds=80),
    "masked_table": Reader(_make_masked, _read_masked, seeds=80),
    # the protocol of backends is ValueError, which the room of learning turns into its own
    "model_card": Reader(_make_card, _read_card),
    "keras_model": Reader(
        _make_keras, _read_keras, seeds=0, raises=(GwasboneError, ValueError)
    ),
    "model": Reader(_make_model, _read_model, seeds=80, raises=(GwasboneError, ValueError)),
}  # fmt: skip
