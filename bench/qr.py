"""QR codes of a run of units as SVG per second, next to the default SVG of the package `qrcode`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count, islice

import qrcode
from qrcode.image.svg import SvgPathImage

from bench.figure import Figure
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.identity.digital_link import uri_for_unit
from chromatrace.identity.qr import encode_run

TARGET_PER_S = 300
CODES, BASELINE_CODES, ROUNDS = 200, 40, 3
BASE, KEY = "https://trace.example.com", BatchKey.parse("09521234543213", "L2410A")


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure in alternating rounds and take the best of each; no URI is repeated."""
    uris = (uri_for_unit(BASE, KEY, Serial(f"{number:06d}")) for number in count(1))
    progress(f"{ROUNDS} rounds of {CODES} codes, and of {BASELINE_CODES} by the baseline")
    _per_second(_run, uris, 1)
    own, baseline = [], []
    for _ in range(ROUNDS):
        own.append(_per_second(_run, uris, CODES))
        baseline.append(_per_second(_default, uris, BASELINE_CODES))
    return [
        Figure(
            "QR code of a unit as SVG",
            max(own),
            "codes/s",
            "higher",
            TARGET_PER_S,
            "qrcode, default SVG",
            max(baseline),
        )
    ]


def _run(uris: list[str]) -> None:
    for code in encode_run(uris):
        code.svg()


def _default(uris: list[str]) -> None:
    for uri in uris:
        qrcode.make(uri, image_factory=SvgPathImage).to_string()


def _per_second(draw: Callable[[list[str]], None], uris: Iterator[str], number: int) -> float:
    batch = list(islice(uris, number))
    start = time.perf_counter()
    draw(batch)
    return number / (time.perf_counter() - start)
