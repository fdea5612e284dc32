"""Check the result files that the evidence of an inspection names, against the files that the reader has.

A bundle has the digests and figures of result files, not the files. `instruments` reads the files only if the reader
gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.results import AttachedResult, StatedFigure
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.exchange.findings import VerificationFinding, fails, holds, unchecked, warning
from chromatrace.exchange.proven import ProvenHistory
from chromatrace.quality.result_rules import check_measured_figures, measurement_error

_SHOWN = 4
"""Figures in one line of the result."""


def check_results(evidence: InspectionEvidence, files: Mapping[bytes, bytes]) -> Iterator[VerificationFinding]:
    """Yield a finding for each result of the evidence. `files`: content by SHA-256 of the files that the reader has."""
    for result in evidence.results:
        yield _result(result, files)
    if evidence.results:
        try:
            check_measured_figures(evidence)
        except ChromaTraceError as error:
            yield warning(f"a measurement differs from the result files: {error.message}")
    if text := measurement_error(evidence):
        yield warning(f"MEASUREMENT ERROR: {text}")


def check_given(proven: ProvenHistory, files: Mapping[bytes, tuple[str, bytes]]) -> VerificationFinding:
    """Return a finding about the files that the reader has: each must be named by the evidence of an inspection."""
    named = {
        bytes(file.sha256)
        for event in proven.inspections()
        if (document := proven.document(event.args["evidence"])) is not None
        for result in InspectionEvidence.from_bytes(document).results
        for file in result.files
    }
    finding = holds(f"{len(files)} result files were given")
    finding.parts = [
        holds(f"{name} is a file of this batch's evidence")
        if digest in named
        else fails(
            f"no evidence in this bundle names {name} (SHA-256 0x{digest.hex()}): it is another file or was changed"
        )
        for digest, (name, _) in files.items()
    ]
    return finding


def _result(result: AttachedResult, files: Mapping[bytes, bytes]) -> VerificationFinding:
    names = ", ".join(file.name for file in result.files)
    figures = list(result.all_figures())
    finding = holds(f"result files {names}: {_text(figures)}" if figures else f"result files {names}")
    missing = [file for file in result.files if bytes(file.sha256) not in files]
    finding.parts += [
        holds(f"the file {file.name} has the stated SHA-256 0x{file.sha256.hex()}")
        for file in result.files
        if file not in missing
    ]
    finding.parts += [
        unchecked(f"the file {file.name} (SHA-256 0x{file.sha256.hex()}) was not given") for file in missing
    ]
    if missing:
        return finding
    from chromatrace.instruments.measurement import difference, recompute

    try:
        text = difference(result, recompute(result, files))
    except ChromaTraceError as error:
        finding.parts.append(fails(f"the figures cannot be computed from the files: {error}"))
        return finding
    finding.parts.append(fails(text) if text else holds("the files give the stated figures"))
    return finding


def _text(figures: list[StatedFigure]) -> str:
    shown = [f"{figure.quantity} {figure.value:.5g} {figure.unit}".strip() for figure in figures[:_SHOWN]]
    more = len(figures) - _SHOWN
    return ", ".join(shown) + (f" and {more} more figures" if more > 0 else "")
