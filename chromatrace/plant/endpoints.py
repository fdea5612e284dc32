"""Where a plant's server listens. A module of its own: the OPC UA library takes a while to import."""

DEFAULT_ENDPOINT = "opc.tcp://127.0.0.1:4840/chromatrace/plant"
LOCAL_ENDPOINT = "opc.tcp://127.0.0.1:0/chromatrace/plant"
"""At a free port."""
