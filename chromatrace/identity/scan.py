"""Read the Digital Link from an uploaded photo. A process of its own decodes each photo (`code_reading`)."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from chromatrace.identity import errors
from chromatrace.identity.digital_link import GS1_RESOLVER, DigitalLink, read_code
from chromatrace.identity.errors import (
    DigitalLinkError,
    ImageTooLargeError,
    MultipleCodesError,
    NoCodeFoundError,
    NotADigitalLinkError,
)

log = logging.getLogger(__name__)

MAX_BYTES = 20 * 1024 * 1024
"""Maximum size of a photo."""

_TIMEOUT_S = 30
_READER = (sys.executable, "-I", "-m", "chromatrace.identity.code_reading")
_FIELD = "photo"


def read_link(photo: bytes, base: str = GS1_RESOLVER) -> DigitalLink:
    """Return the one GS1 Digital Link in a photo; the same code may appear several times.

    A GS1 element string, as in a DataMatrix code, is a link below `base`.
    Raises `NotAnImageError`, `ImageTooLargeError`, `NoCodeFoundError`, `MultipleCodesError` or `NotADigitalLinkError`.
    """
    texts = read_codes(photo)
    if not texts:
        raise NoCodeFoundError(
            "no QR code could be read in this picture",
            field=_FIELD,
            hint="take a sharp, well-lit photo from directly above that includes the white border of the code",
        )
    if len(texts) > 1:
        links = [text for text in texts if _is_link(text)]
        if len(links) != 1:
            raise MultipleCodesError(
                f"this picture has {len(texts)} different codes",
                field=_FIELD,
                hint="take a photo of one code only",
            )
        texts = links
    try:
        return read_code(texts[0], base)
    except DigitalLinkError as error:
        raise NotADigitalLinkError(
            f"the code contains {_shortened(texts[0])}, which is not a product code: {error}",
            field=_FIELD,
            hint="scan the product code instead of another code on the packaging",
        ) from error


def read_codes(photo: bytes) -> list[str]:
    """Return the distinct texts of the QR and Data Matrix codes in a photo, in order of position.

    Raises `NotAnImageError` or `ImageTooLargeError`.
    """
    if len(photo) > MAX_BYTES:
        raise ImageTooLargeError(
            f"the file has {len(photo) / 1e6:.1f} MB; the maximum is {MAX_BYTES / 1e6:.0f} MB",
            field=_FIELD,
            hint="send a smaller picture",
        )
    try:
        reader = subprocess.run(_READER, input=photo, capture_output=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if error.stderr:  # an exception; the signal of the processor time writes nothing
            log.error("reading a photo failed: %s", error.stderr.decode(errors="replace"))
        raise ImageTooLargeError(
            "the picture takes too much time or memory to read", field=_FIELD, hint="send a smaller picture"
        ) from error
    result = json.loads(reader.stdout)
    if "error" in result:
        raise getattr(errors, result["error"])(result["message"], field=_FIELD, hint=result["hint"])
    return list(result["texts"])


def _is_link(text: str) -> bool:
    try:
        read_code(text)
    except DigitalLinkError:
        return False
    return True


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
