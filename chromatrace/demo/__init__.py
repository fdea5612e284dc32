"""The demonstration: a consortium, a simulated line and five lots on a local chain, checked from end to end."""
