"""Cohorts: reading genotypes, quality control, ancestry, relatedness, pruning (on Hail)."""
