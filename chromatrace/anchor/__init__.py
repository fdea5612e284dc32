"""Spooled readings under anchored tree heads, and the proofs that they lie there.

`heads`     `TreeHead` and `HeadStore`: the heads made so far, and which of them are published
`anchorer`  `Anchorer`: spool -> Merkle log -> head -> `Publisher`, by count and by time
`proof`     `ReadingProof`: shows to anyone that a reading lies under a published root
"""

from chromatrace.anchor.anchorer import Anchorer
from chromatrace.anchor.heads import HeadStore, Publisher, ReadingSource, TreeHead
from chromatrace.anchor.proof import ReadingProof

__all__ = ["Anchorer", "HeadStore", "Publisher", "ReadingProof", "ReadingSource", "TreeHead"]
