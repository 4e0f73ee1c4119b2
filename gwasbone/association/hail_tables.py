"""Results as Hail Tables. The only place where results meet Hail; it is imported lazily."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gwasbone import session
from gwasbone.association.result_files import write_wide_parquet
from gwasbone.genome import hail_contig
from gwasbone.sumstats.table import TRAIT_COLUMNS

if TYPE_CHECKING:
    import hail as hl

    from gwasbone.association.results import AssociationResults


def results_to_hail(results: AssociationResults, trait: str | None = None) -> hl.Table:
    """A run's results as a Hail Table keyed by ``locus`` and ``alleles`` (``[other, effect]``).

    Spark reads a Parquet file and Hail takes the Spark table: about 9 s per million variants,
    where ``hl.Table.from_pandas`` needs minutes. The file is copied to the session's temporary
    folder first, since a Hail Table is read when it is used, perhaps after ``results`` is gone,
    and by executors that may not see this machine's disk.

    Parameters
    ----------
    results : the run.
    trait : the trait whose columns become row fields. None with one trait means that trait;
        with several, each trait is a struct of its columns, named by the trait.

    Returns
    -------
    hl.Table, with globals ``traits`` and ``provenance`` (JSON).
    """
    hl = session.hail()
    if trait is None and len(results.traits) == 1:
        trait = results.traits[0]
    remote = session.temporary_path("results.parquet")
    with tempfile.TemporaryDirectory(prefix="gwasbone.") as folder:
        local = Path(folder) / "results.parquet"
        if trait is None:
            write_wide_parquet(results, local)
        else:
            shutil.copyfile(results.parquet_path(trait), local)
        hl.hadoop_copy(local.as_uri(), remote)
    ht = _from_parquet(remote, results.build)
    traits = results.traits if trait is None else (trait,)
    if trait is None:
        columns = {
            name: hl.struct(**{c: ht[f"{name}.{c}"] for c in TRAIT_COLUMNS}) for name in traits
        }
        ht = ht.select("source_id", **columns)
    return ht.annotate_globals(traits=list(traits), provenance=json.dumps(dict(results.provenance)))


def _from_parquet(path: str, build: str) -> hl.Table:
    """Key a results Parquet file by locus and alleles."""
    hl = session.hail()
    spark_table = hl.utils.java.Env.spark_session().read.parquet(path)
    # Hail has no 16-bit integers.
    spark_table = spark_table.withColumn("chromosome", spark_table["chromosome"].cast("int"))
    ht = hl.Table.from_spark(spark_table)
    contigs = hl.literal([hail_contig(code, build) for code in range(1, 26)])
    ht = ht.annotate(
        locus=hl.locus(contigs[ht.chromosome - 1], ht.base_pair_location, reference_genome=build),
        alleles=[ht.other_allele, ht.effect_allele],
    )
    return ht.key_by("locus", "alleles").drop("chromosome", "base_pair_location")
