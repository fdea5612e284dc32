"""Frozen records, identifiers, units and errors. Imports nothing else of the project."""
