"""Endpoints of the plant's server. Separate from `server` because importing asyncua is slow."""

DEFAULT_ENDPOINT = "opc.tcp://127.0.0.1:4840/chromatrace/plant"
LOCAL_ENDPOINT = "opc.tcp://127.0.0.1:0/chromatrace/plant"
"""Listens on a free port."""
