"""Questions to the index, by subject. `Index` and `Snapshot` put them together."""
