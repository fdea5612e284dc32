"""Use cases that the command line and the portal share."""
