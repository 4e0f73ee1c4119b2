"""A finished run of genotype models: one row per region and SNP, and what stands behind it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

#: AUC of the pretraining on sex that the paper reports in all regions.
PAPER_SEX_AUC = 0.98
FDR = 0.05


@dataclass(frozen=True)
class GenotypeRun:
    """The tables of a run of genotype models.

    Parameters
    ----------
    table : a row per job in order, with the columns of `PREFIX.genotype_models.tsv`.
    null : ``region variant_id permutation auc``.
    epochs : ``region variant_id fold epoch loss validation_loss``; the variant ``sex`` is the
        pretraining.
    sex : ``region n auc auc_low auc_high``.
    """

    table: pd.DataFrame
    null: pd.DataFrame
    epochs: pd.DataFrame
    sex: pd.DataFrame
