"""What this package refuses; the tree is drawn in the package's docstring."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


class DigitalLinkError(InvalidInput):
    """Not a GS1 Digital Link URI. `field` is a part of the URI (`scheme`, `host`, `path`, `query`) or an AI, `(10)`."""


class QrError(InvalidInput):
    """The text does not fit into the QR code asked for."""


class ScanError(InvalidInput):
    """No single GS1 Digital Link could be read from a picture."""


class NotAnImageError(ScanError):
    """The file is not a picture of a kind that we read."""


class ImageTooLargeError(ScanError):
    """The file or its picture is larger than we decode."""


class NoCodeFoundError(ScanError):
    """There is no QR code that can be read in the picture."""


class MultipleCodesError(ScanError):
    """There are several different codes in the picture."""


class NotADigitalLinkError(ScanError):
    """There is one code, but it holds something else."""
