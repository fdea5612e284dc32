"""A simulated shop floor: workcells on a conveyor; people and AI agents who assemble and inspect.

After "Blockchain in manufacturing quality control: A computer simulation study" (PLOS ONE, 2021,
doi:10.1371/journal.pone.0247925). `docs/qdt-study.md` lists what is taken from the study and what is an interpretation.
"""
