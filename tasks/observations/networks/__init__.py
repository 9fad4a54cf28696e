"""Observations: one file a source, one table for all of them (table.py)."""
