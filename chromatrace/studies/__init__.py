"""The studies: each a function from a shop floor and seeds to a `Study` with its table, its findings and its figure."""
