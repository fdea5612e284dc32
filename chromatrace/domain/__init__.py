"""Records, identifiers, units and errors. Imports nothing else from the project."""
