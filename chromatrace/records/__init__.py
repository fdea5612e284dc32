"""Department records: kinds from a plant's configuration, documents, and the encrypted store of documents."""
