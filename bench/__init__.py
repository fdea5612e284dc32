"""Figures, one file each, every one beside its rival in the same run. `python -m bench --help`."""
