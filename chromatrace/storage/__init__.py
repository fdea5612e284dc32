"""Durable files, locks, listen ports, SQLite connections and strict JSON."""
