"""Cohorts: reading genotypes, quality control, ancestry, relatedness, pruning, components.

On packed blocks where the genotypes are in .bed files, on Hail for any other source.
"""
