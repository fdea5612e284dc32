"""The demonstration: a consortium, a simulated line and four lots on a local chain, checked from end to end."""
