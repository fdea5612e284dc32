"""`chromatrace batch dispose` and `batch dispositions`: what happens to the units of a batch, by the plant's rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.options import batch_argument, batches_named
from chromatrace.cli.output import emit, json_option
from chromatrace.documents.disposition import OUTCOMES, Outcome
from chromatrace.domain.errors import InvalidInput

if TYPE_CHECKING:
    from chromatrace.documents.disposition import DispositionDocument
    from chromatrace.domain.identifiers import BatchKey
    from chromatrace.services.quality.disposition import Overrule
    from chromatrace.services.workspace import Workspace

_OVERRULE = re.compile(r"(?:(?P<serial>[^=]+)=)?(?P<outcome>[a-z]+)(?::(?P<price_class>.+))?")


@click.command()
@batch_argument
@click.option(
    "--stage", type=click.Choice(tuple(OUTCOMES)), default="final", show_default=True, help="Inspection that decides."
)
@click.option("--plant", metavar="PLANT", help="Plant with the rules. Default: the setting `plant`.")
@click.option(
    "--units",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV file with measured values of single units: serial, and quantities such as `optical modulation [%]`.",
)
@click.option(
    "--overrule",
    "overrules",
    multiple=True,
    metavar="[SERIAL=]OUTCOME[:CLASS]",
    help="Give a unit, or all units, another outcome than the rules; may be repeated. Requires --reason.",
)
@click.option("--reason", help="Reason of the person who overrules.")
@click.option(
    "--submit", "submitted", is_flag=True, help="Sign the disposition, store it, and grade or recycle the batch."
)
@json_option
@click.pass_obj
def dispose(
    workspace: Workspace,
    key: BatchKey,
    stage: str,
    plant: str | None,
    units: Path | None,
    overrules: tuple[str, ...],
    reason: str | None,
    submitted: bool,
    as_json: bool,
) -> None:
    """Decide what happens to the units of a batch by the disposition rules of the plant file.

    Units with measured values of their own (--units) are decided one by one, the others by the values of the
    inspection. Without --submit, the decision is only shown. With it, the acting person signs the disposition, and the
    batch is graded (final) or recycled (first) on the chain.

    \b
    Example: sell one unit at a discount that the rules would scrap
      chromatrace batch dispose 09521234543213 L2601A --units units.csv --overrule 000017=defective:B \\
        --reason "scratch outside the visible area" --submit
    """
    from chromatrace.services.quality.disposition import propose, submit
    from chromatrace.services.records import plant_of

    document = propose(
        workspace, plant_of(plant or workspace.settings.plant), key, stage, units, _overrules(overrules, reason)
    )
    facts = _facts(document)
    if submitted:
        with batches_named(key):
            facts |= submit(workspace, document)
    emit(as_json, facts)


@click.command()
@batch_argument
@json_option
@click.pass_obj
def dispositions(workspace: Workspace, key: BatchKey, as_json: bool) -> None:
    """Show the signed dispositions of a batch, and whether their signatures are valid."""
    from chromatrace.services.quality.disposition import stored_dispositions

    facts = [
        _facts(item.document)
        | {
            "document": item.stored.document,
            "signer": item.stored.signer,
            "signature_valid": item.signer is not None,
            "tx": item.stored.tx,
        }
        for item in stored_dispositions(workspace, key)
    ]
    emit(as_json, {"dispositions": facts})


def _overrules(texts: tuple[str, ...], reason: str | None) -> list[Overrule]:
    from chromatrace.documents.disposition import DecidedOutcome
    from chromatrace.services.quality.disposition import Overrule

    if texts and not (reason or "").strip():
        raise InvalidInput("give the reason too", field="reason", hint="it is signed and shown")
    if reason is not None and not texts:
        raise InvalidInput("there is nothing to overrule", field="reason", hint="give --overrule")
    changes = []
    for text in texts:
        match = _OVERRULE.fullmatch(text)
        if match is None or match["outcome"] not in list(Outcome):
            raise InvalidInput(
                f"{text!r:.80} is not an outcome", field="overrule", hint=f"outcomes: {', '.join(Outcome)}"
            )
        decision = DecidedOutcome(Outcome(match["outcome"]), match["price_class"], str(reason))
        changes.append(Overrule(decision, match["serial"]))
    return changes


def _facts(document: DispositionDocument) -> dict[str, Any]:
    return {
        "batch": f"{document.gtin}/{document.lot}",
        "stage": document.stage,
        "units": {outcome.value: document.count(outcome) for outcome in OUTCOMES[document.stage]},
        "decisions": [
            {
                "outcome": group.result.outcome.value,
                "price_class": group.result.price_class,
                "units": group.units,
                "serials": list(group.serials),
                "rule": group.rule,
                "reason": group.result.reason,
                "values": {item.quantity: f"{item.value:g} {item.unit}".strip() for item in group.values},
                "overruled": None if group.overruled is None else group.decided.outcome.value,
            }
            for group in document.groups
        ],
    }
