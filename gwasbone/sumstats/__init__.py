"""Summary statistics: arrays and tables of effects in, frozen dataclasses out; no genotypes."""
