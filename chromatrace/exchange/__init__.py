"""What organisations hand to one another and to the public: documents, unit proofs, and how to verify them offline.

    NotFound
    └── DocumentNotFoundError       no document with this digest is stored
    IntegrityError
    └── DocumentCorruptError        stored bytes do not match their digest
    Unavailable
    └── DocumentStoreUnavailableError       the folder cannot be read or written just now (disk full, rights)

A unit proof that does not hold raises `chromatrace.merkle.errors.ProofError`.
"""
