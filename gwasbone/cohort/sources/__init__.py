"""Genotype sources: each reads itself and says what it can do."""
