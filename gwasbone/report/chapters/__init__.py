"""Chapters of the report of a study."""
