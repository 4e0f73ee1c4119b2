"""One genome-wide association scan: its results table, files, and lead blocks."""
