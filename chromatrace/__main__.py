"""`python -m chromatrace`, the same as the command `chromatrace`."""

from chromatrace.cli import main

main()
