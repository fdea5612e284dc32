"""Benchmarks, one module each. Run them with `python -m bench --help`."""
