from gwasbone.comparison.compare import (
    Comparison as Comparison,
    compare_scans as compare_scans,
)
from gwasbone.comparison.known_loci import (
    KnownLoci as KnownLoci,
    known_loci as known_loci,
    read_loci as read_loci,
)
from gwasbone.comparison.options import ComparisonRule as ComparisonRule
