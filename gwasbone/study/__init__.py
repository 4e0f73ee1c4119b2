"""A study: its configuration, its runner, and where it keeps its files."""
