"""Quality of a producer's batches: acceptance sampling, disposition, and figures over time."""
