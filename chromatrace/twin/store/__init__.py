"""The twin's SQL tables: what it derived from the logs, and what people decided."""
