"""Documents against the digests that the chain has for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import IntegrityError, InvalidInput, NotFound

T = TypeVar("T")


class Check(StrEnum):
    """What became of a document's check."""

    MATCHES = "matches"
    MISSING = "missing"
    ALTERED = "altered"
    UNREADABLE = "unreadable"
    FOREIGN = "foreign"


_WORDS = {
    Check.MATCHES: "Checked: this is the document whose fingerprint is on the chain.",
    Check.MISSING: "The chain names a document that is not published here, so its contents cannot be shown or checked.",
    Check.ALTERED: "The document stored here is not the one that the chain names: it was changed. It is not shown.",
    Check.UNREADABLE: "The document matches the chain but cannot be read as what it should be. It is not shown.",
    Check.FOREIGN: "The document that the chain names speaks of another batch or inspection. It is not shown.",
}


@dataclass(frozen=True, slots=True)
class CheckedDocument(Generic[T]):
    """A document and how it stands to its digest on the chain. `value` only where it matches and fits."""

    digest: bytes
    check: Check
    value: T | None

    @property
    def words(self) -> str:
        return _WORDS[self.check]

    @property
    def contradicts(self) -> bool:
        """Whether what is stored is something else than what the chain names, rather than merely absent."""
        return self.check in (Check.ALTERED, Check.FOREIGN)

    @property
    def matches(self) -> bool:
        return self.check is Check.MATCHES

    def as_dict(self) -> dict[str, object]:
        return {"sha256": self.digest.hex(), "check": self.check.value}


def check_document(
    store: DocumentStore, digest: bytes, read: Callable[[bytes], T], belongs: Callable[[T], bool]
) -> CheckedDocument[T]:
    """Fetches the document with `digest`, reads it by `read` and asks `belongs` whether it is about the right thing."""
    try:
        value = read(store.get(digest))
    except NotFound:
        return CheckedDocument(digest, Check.MISSING, None)
    except IntegrityError:
        return CheckedDocument(digest, Check.ALTERED, None)
    except InvalidInput:
        return CheckedDocument(digest, Check.UNREADABLE, None)
    if not belongs(value):
        return CheckedDocument(digest, Check.FOREIGN, None)
    return CheckedDocument(digest, Check.MATCHES, value)
