"""Anchor spooled readings under published tree heads, and prove that a reading is included.

`heads`     `TreeHead` and `HeadStore`: recorded heads and their publication state
`anchorer`  `Anchorer`: spool -> Merkle log -> head -> `Publisher`, by count and by time
`proof`     `ReadingProof`: proves that a reading is under a published root
"""

from chromatrace.anchor.anchorer import Anchorer
from chromatrace.anchor.heads import HeadStore, Publisher, TreeHead
from chromatrace.anchor.proof import ReadingProof

__all__ = ["Anchorer", "HeadStore", "Publisher", "ReadingProof", "ReadingSource", "TreeHead"]
