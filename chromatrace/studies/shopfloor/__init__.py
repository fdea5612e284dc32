"""A simulated shop floor: workcells on a conveyor, people and AI agents who assemble and inspect.

After "Blockchain in manufacturing quality control: A computer simulation study" (PLOS ONE, 2021,
doi:10.1371/journal.pone.0247925). `docs/qdt-study.md` says what is taken from there and what is our reading.
"""
