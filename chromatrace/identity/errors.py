"""Errors of this package; the package docstring shows the hierarchy."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class DigitalLinkError(InvalidInput):
    """Not a valid GS1 Digital Link. `field` is a part (`scheme`, `host`, `path`, `query`) or an AI such as `(10)`."""


class QrError(InvalidInput):
    """The text does not fit into a QR code."""


class ScanError(InvalidInput):
    """No single GS1 Digital Link could be read from a picture."""


class NotAnImageError(ScanError):
    """The file is not a picture of a supported format."""


class ImageTooLargeError(ScanError):
    """The file or its picture exceeds the maximum size."""


class NoCodeFoundError(ScanError):
    """The picture has no readable QR code."""


class MultipleCodesError(ScanError):
    """The picture has several different codes."""


class NotADigitalLinkError(ScanError):
    """The picture has a code that is not a Digital Link."""
