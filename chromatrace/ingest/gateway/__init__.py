"""What the gateways of all protocols share: received values, counters, and the writer to the spool."""
