"""ChromaTrace: factory traceability from a machine reading to a scanned QR code."""

__version__ = "0.1.0"
