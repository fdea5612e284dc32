"""The twin's SQL tables: facts derived from the logs, and decisions of people."""
