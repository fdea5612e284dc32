"""QR codes of units as SVG, each second, beside the default SVG of the package `qrcode`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count

import qrcode
from qrcode.image.svg import SvgPathImage

from bench.figure import Figure
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.identity.digital_link import uri_for_unit
from chromatrace.identity.qr import encode

BAR_PER_S = 300
CODES, RIVAL_CODES, ROUNDS = 200, 40, 3
BASE, KEY = "https://trace.example.com", BatchKey.parse("09521234543213", "L2410A")


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Both by turns and each at its best, so that a busy moment of the machine does not decide; no URI twice."""
    uris = (uri_for_unit(BASE, KEY, Serial(f"{number:06d}")) for number in count(1))
    progress(f"{ROUNDS} rounds of {CODES} codes, and of {RIVAL_CODES} by the rival")
    _per_second(_ours, uris, 1)
    ours, rival = [], []
    for _ in range(ROUNDS):
        ours.append(_per_second(_ours, uris, CODES))
        rival.append(_per_second(_default, uris, RIVAL_CODES))
    return [
        Figure("QR code of a unit as SVG", max(ours), "codes/s", "higher", BAR_PER_S, "qrcode, default SVG", max(rival))
    ]


def _ours(uri: str) -> bytes:
    return encode(uri).svg()


def _default(uri: str) -> bytes:
    picture: bytes = qrcode.make(uri, image_factory=SvgPathImage).to_string()
    return picture


def _per_second(draw: Callable[[str], bytes], uris: Iterator[str], number: int) -> float:
    batch = [next(uris) for _ in range(number)]
    start = time.perf_counter()
    for uri in batch:
        draw(uri)
    return number / (time.perf_counter() - start)
