"""Shared parts of all gateways: received values, counters, and the writer to the spool."""
