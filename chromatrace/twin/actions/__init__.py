"""Write to machines and read back. Every action is begun at most once."""
