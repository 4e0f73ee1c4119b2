from gwasbone.genes.bone import (
    bone_genes as bone_genes,
    known_bone_genes as known_bone_genes,
)
from gwasbone.genes.files import read_genes as read_genes
from gwasbone.genes.genetic_map import read_genetic_map as read_genetic_map
from gwasbone.genes.gtf import read_gtf as read_gtf
from gwasbone.genes.nearest import (
    genes_in_windows as genes_in_windows,
    nearest_genes as nearest_genes,
)
from gwasbone.genes.table import Genes as Genes
