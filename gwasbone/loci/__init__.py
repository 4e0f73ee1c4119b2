"""From scans to loci: clumping, regional plots, selection of SNPs by region."""
