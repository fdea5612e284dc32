"""`python -m chromatrace.cli`, the same as the command `chromatrace`."""

from chromatrace.cli import main

main()
