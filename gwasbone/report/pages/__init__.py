"""Pages of single commands and stages: results in, one self-contained page out."""
