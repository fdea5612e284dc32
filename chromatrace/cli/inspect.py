"""`chromatrace inspect`: the two inspections of a batch, signed by the inspector and submitted by anyone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from chromatrace.chain import calls
from chromatrace.cli.options import FiniteRange
from chromatrace.cli.output import dump, emit, json_option
from chromatrace.crypto.eip712 import Inspection
from chromatrace.documents.content import InspectionEvidence
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.services.inspections import sign
from chromatrace.services.workspace import Workspace
from chromatrace.storage import strict_json
from chromatrace.storage.files import deliver

SIGNED = "chromatrace.signed-inspection/1"


@click.group("inspect")
def inspect() -> None:
    """Sign an inspection result, or submit a signed one.

    An inspector signs on any machine (EIP-712); whoever has gas submits. The first inspection comes before assembly,
    the final one after it.
    """


@inspect.command()
@click.argument("evidence", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--sample-size", required=True, type=click.IntRange(1), help="Units measured.")
@click.option("--defects", required=True, type=click.IntRange(0), help="Units out of limits.")
@click.option("--verdict", type=click.Choice(["pass", "fail"]), help="Default: what the measurements say.")
@click.option(
    "--hours",
    default=24.0,
    type=FiniteRange(0.01, 87_660),
    show_default=True,
    help="How long the signature may be submitted, up to ten years.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it here, do not submit.")
@json_option
@click.pass_obj
def record(
    workspace: Workspace,
    evidence: Path,
    sample_size: int,
    defects: int,
    verdict: str | None,
    hours: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Sign the result that the document EVIDENCE describes (JSON, schema chromatrace.inspection/1) and submit it.

    \b
    {"schema": "chromatrace.inspection/1", "gtin": "09521234543213", "lot": "L2410A", "stage": "first",
     "inspected_at": "2026-01-01T10:00:00Z",
     "instrument": {"name": "Spectrophotometer", "serial": "SP-07", "calibrated_on": "2025-11-03"},
     "sample": ["000007"],
     "measurements": [{"quantity": "optical modulation", "value": 52.0, "unit": "%", "comparison": ">=",
                       "limit": 40.0, "passed": true, "criterion": "at 633 nm"}],
     "readings": null}

    The acting key is the inspector's. A second result of the same stage supersedes the first, which stays readable.
    """
    parsed = InspectionEvidence.from_bytes(strict_json.canonical(_json(evidence)))
    found = Verdict[verdict.upper()] if verdict else (Verdict.PASS if parsed.passed else Verdict.FAIL)
    signed, signature = sign(workspace, parsed, found, sample_size, defects, valid_s=int(hours * 3600))
    if output is not None:
        fields = zip(signed.__slots__, signed.as_struct(), strict=True)
        inspection = {name: int(value) if isinstance(value, int) else value for name, value in fields}
        packed = {"schema": SIGNED, "inspection": inspection, "signature": signature}
        deliver(output, [dump(packed).encode(), b"\n"])
        emit(as_json, {"signed": output, "inspector": signed.inspector})
        return
    receipt = workspace.chain.submit(calls.record_inspection(signed, signature))
    emit(as_json, {"verdict": found, "evidence": signed.evidence, "tx": receipt.tx})


@inspect.command()
@click.argument("signed", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_obj
def submit(workspace: Workspace, signed: Path, as_json: bool) -> None:
    """Submit a result that an inspector signed elsewhere. Anyone may."""
    packed = _json(signed)
    if packed.get("schema") != SIGNED:
        raise InvalidInput(f"{SIGNED!r} is needed", field="schema")
    fields = dict(strict_json.members(packed.get("inspection"), "/inspection", Inspection.__slots__))
    for name in ("batch", "instrument", "evidence"):
        fields[name] = strict_json.digest(fields[name], f"/inspection/{name}")
    fields["stage"], fields["verdict"] = Stage(fields["stage"]), Verdict(fields["verdict"])
    fields["nonce"] = int(fields["nonce"])
    inspection = Inspection(**fields)
    try:
        signature = bytes.fromhex(str(packed.get("signature")).removeprefix("0x"))
    except ValueError as error:
        raise InvalidInput("0x and hexadecimal digits are needed", field="/signature") from error
    receipt = workspace.chain.submit(calls.record_inspection(inspection, signature))
    emit(as_json, {"verdict": inspection.verdict, "tx": receipt.tx})


@inspect.command()
@click.argument("stage", type=click.Choice([stage.name.lower() for stage in Stage]))
@click.option("--units-per-sample", required=True, type=click.IntRange(1), help="One unit measured for each so many.")
@click.option("--independent/--own", required=True, help="Whether the producer's own inspectors are refused.")
@json_option
@click.pass_obj
def policy(workspace: Workspace, stage: str, units_per_sample: int, independent: bool, as_json: bool) -> None:
    """Set how many units a stage's inspection measures and who may do it. Only the registrar."""
    receipt = workspace.chain.submit(calls.set_policy(Stage[stage.upper()], units_per_sample, independent))
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})


def _json(path: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON: {error}", field="file") from error
    if not isinstance(value, dict):
        raise InvalidInput("a JSON object is needed", field="file")
    return value
