"""Documents checked against the digests that the chain records for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import IntegrityError, InvalidInput, NotFound

T = TypeVar("T")


class DocumentCheck(StrEnum):
    """Result of checking a document."""

    MATCHES = "matches"
    MISSING = "missing"
    ALTERED = "altered"
    UNREADABLE = "unreadable"
    WRONG_SUBJECT = "wrong-subject"
    NOT_PUBLISHED = "not-published"


_MESSAGES = {
    DocumentCheck.MATCHES: "Verified: this document matches its fingerprint on the chain.",
    DocumentCheck.MISSING: "The document is not published here, so its contents cannot be shown or verified.",
    DocumentCheck.ALTERED: "The stored document does not match its fingerprint on the chain: it was changed. "
    "It is not shown.",
    DocumentCheck.UNREADABLE: "The document matches its fingerprint on the chain but is not in the expected format. "
    "It is not shown.",
    DocumentCheck.WRONG_SUBJECT: "The document recorded on the chain is about a different batch or inspection. "
    "It is not shown.",
    DocumentCheck.NOT_PUBLISHED: "The producer does not publish this document. It is shown to organisations that have "
    "a grant.",
}


@dataclass(frozen=True, slots=True)
class CheckedDocument(Generic[T]):
    """A document and the result of its check. `value` is None unless the check is `MATCHES`."""

    digest: bytes
    check: DocumentCheck
    value: T | None

    @property
    def message(self) -> str:
        """The result in plain language."""
        return _MESSAGES[self.check]

    @property
    def mismatched(self) -> bool:
        """Whether the stored document differs from the one on the chain. A missing document does not differ."""
        return self.check in (DocumentCheck.ALTERED, DocumentCheck.WRONG_SUBJECT)

    @property
    def matches(self) -> bool:
        """Whether the document can be shown."""
        return self.check is DocumentCheck.MATCHES

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {"sha256": self.digest.hex(), "check": self.check.value}


def check_document(
    store: DocumentStore, digest: bytes, parse: Callable[[bytes], T], has_subject: Callable[[T], bool]
) -> CheckedDocument[T]:
    """Fetch the document with `digest`, parse it, and check that it is about the expected subject."""
    try:
        value = parse(store.get(digest))
    except NotFound:
        return CheckedDocument(digest, DocumentCheck.MISSING, None)
    except IntegrityError:
        return CheckedDocument(digest, DocumentCheck.ALTERED, None)
    except InvalidInput:
        return CheckedDocument(digest, DocumentCheck.UNREADABLE, None)
    if not has_subject(value):
        return CheckedDocument(digest, DocumentCheck.WRONG_SUBJECT, None)
    return CheckedDocument(digest, DocumentCheck.MATCHES, value)


def not_published(document: CheckedDocument[T]) -> CheckedDocument[T]:
    """Return a document without its content, for a reader who may not see it."""
    return CheckedDocument(document.digest, DocumentCheck.NOT_PUBLISHED, None)
