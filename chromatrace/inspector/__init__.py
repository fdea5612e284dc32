"""The process that an inspector runs in a consensus round."""
