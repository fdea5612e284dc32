"""What organisations hand to one another and to the public: documents, unit proofs, and how to verify them offline.

    NotFound
    └── DocumentNotFound       no document with this digest is stored
    IntegrityError
    └── DocumentChanged        stored bytes do not match their digest
    Unavailable
    └── StoreUnavailable       the folder cannot be read or written just now (disk full, rights)

A unit proof that does not hold raises `chromatrace.merkle.errors.ProofRefused`.
"""
