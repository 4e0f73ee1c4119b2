"""Comparison of scans of one disease: which phenotype finds more."""
