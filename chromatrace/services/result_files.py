"""Result files of an inspection: attach them to the evidence, and check them before it is signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.errors import DocumentNotFoundError
from chromatrace.documents.results import AttachedResult, ReaderSettings
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.instruments.measurement import difference, read_measurement, reader_options, recompute
from chromatrace.quality.result_rules import check_measured_figures, measured_figure
from chromatrace.storage import strict_json

if TYPE_CHECKING:
    from chromatrace.plant.records import Check, CheckSheet


def attach(documents: DocumentStore, report: Mapping[str, Any]) -> AttachedResult:
    """Store the files of a report of `instrument read --json` and return the statement about them.

    The files are read again. Raises `InvalidInput` for another document, `Conflict` if a file has changed since the
    report, and the errors of the readers.
    """
    with strict_json.below("results"):
        try:
            entries = list(report["files"])
            pair = [report["pair"][state] for state in ("bleached", "coloured")] if "pair" in report else []
            digests = {str(entry["file"]): str(entry["sha256"]) for entry in (*entries, *pair)}
            options = strict_json.convert(report["options"], ReaderSettings, "/options")
        except (KeyError, TypeError) as error:
            raise InvalidInput(
                "the document is not a report of result files",
                field="",
                hint="use the output of `instrument read --json`",
            ) from error
    measured = read_measurement(
        [Path(entry["file"]) for entry in entries],
        (Path(pair[0]["file"]), Path(pair[1]["file"])) if pair else None,
        reader_options(options),
    )
    for result in (*measured.results, *(measured.pair or ())):
        if digests[result.path] != f"0x{result.sha256.hex()}":
            raise Conflict(
                f"{result.path} has changed since the report was written", field="results", hint="read the file again"
            )
    attached = measured.attached()
    for path in digests:
        documents.put(Path(path).read_bytes())
    return attached


def with_results(
    content: Mapping[str, Any], results: Sequence[AttachedResult], sheet: CheckSheet | None
) -> dict[str, Any]:
    """Return an evidence document with results, and with measurements of the lines that they measure.

    A measurement that the document has is kept. Lines are added in the order of the check sheet; on an ordered sheet,
    the first line that fails is the last one.
    """
    document = dict(content) | {"results": [*content.get("results", []), *strict_json.to_builtins(list(results))]}
    measured = list(content.get("measurements", []))
    if sheet is None or not isinstance(content.get("measurements", []), list):
        return document
    figures = [figure for result in results for figure in result.all_figures()]
    lines: list[Any] = []
    for check in sheet.checks:
        stated = next((item for item in measured if _is_line(item, check)), None)
        if stated is not None:
            measured.remove(stated)
            lines.append(stated)
            continue
        figure = measured_figure(figures, check.quantity, check.unit, check.comparison, check.criterion)
        if figure is not None and not (sheet.ordered and _failed(lines)):
            lines.append(check.measured(float(f"{figure.value:.5g}")).as_json())
    return document | {"measurements": lines + measured}


def check_results(documents: DocumentStore, evidence: InspectionEvidence) -> None:
    """Check that each result file is stored and gives the stated figures, and that the measurements have their values.

    Raises `InvalidInput` or `NotFound` with a JSON pointer.
    """
    for index, result in enumerate(evidence.results):
        contents = {}
        for position, file in enumerate(result.files):
            try:
                contents[bytes(file.sha256)] = documents.get(bytes(file.sha256))
            except DocumentNotFoundError:
                raise NotFound(
                    f"the file {file.name} (SHA-256 0x{file.sha256.hex()}) is not in the document store",
                    field=f"/results/{index}/files/{position}",
                    hint="attach the file with --results",
                ) from None
        if text := difference(result, recompute(result, contents)):
            raise InvalidInput(text, field=f"/results/{index}", hint="attach the files with --results")
    check_measured_figures(evidence)


def _is_line(item: Any, check: Check) -> bool:
    return isinstance(item, dict) and all(
        item.get(name) == getattr(check, name) for name in ("quantity", "comparison", "limit")
    )


def _failed(lines: Sequence[Any]) -> bool:
    return any(line.get("passed") is False for line in lines)
