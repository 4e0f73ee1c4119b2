"""The chapters of a study's report: each reads what stages left, and says it in words."""
