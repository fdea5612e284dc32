"""Durable files, locks, SQLite connections and strict JSON."""
