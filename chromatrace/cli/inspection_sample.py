"""`chromatrace inspection sample`: sample size of a lot, and the decision about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.output import emit, json_option
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.quality.sampling.tables import LEVELS, Severity

if TYPE_CHECKING:
    from chromatrace.quality.sampling import SamplingHistory, SamplingPlan
    from chromatrace.services.workspace import Workspace


@click.command()
@click.argument("lot", metavar="SIZE", type=WholeRange(1))
@click.option("--plan", "plan_id", metavar="ID", help="Sampling plan of the plant file.")
@click.option("--plant", metavar="PLANT", help="Plant with the plan. Default: the setting `plant`.")
@click.option("--one-per", type=WholeRange(1), help="Instead of --plan: one unit of this many, none out of limits.")
@click.option("--aql", type=FiniteRange(0, min_open=True), help="Instead of --plan: AQL of MIL-STD-105E.")
@click.option("--level", type=click.Choice(LEVELS), default="II", show_default=True, help="Level, with --aql.")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    help="Severity of inspection. Default: from the history.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV file of earlier lots: lot, size, sample, nonconforming. Default with --plan: the recorded inspections.",
)
@click.option("--reduced", is_flag=True, help="With --aql: permit reduced inspection.")
@click.option("--organisation", metavar="GLN", help="Producer of the recorded lots. Default: the signer's.")
@click.option("--sample", type=WholeRange(1), help="Number of units measured; evaluates the lot.")
@click.option("--defects", type=WholeRange(0), help="Number of them out of limits.")
@json_option
@click.pass_obj
def sample(
    workspace: Workspace,
    lot: int,
    plan_id: str | None,
    plant: str | None,
    one_per: int | None,
    aql: float | None,
    level: str,
    severity: str | None,
    history: Path | None,
    reduced: bool,
    organisation: str | None,
    sample: int | None,
    defects: int | None,
    as_json: bool,
) -> None:
    """Show how many units of a lot of SIZE units to measure, and evaluate the result.

    The plan is one of the plant file, or given by --aql or --one-per. The severity (normal, tightened, reduced) follows
    from the earlier lots by the switching rules. With --sample and --defects, the result is evaluated: exit status 1 if
    the lot is rejected.

    \b
    Example: normal inspection at level II with AQL 0.65 %, and 3 units out of limits
      chromatrace inspection sample 2000 --aql 0.65 --sample 125 --defects 3
    """
    from chromatrace.quality.sampling import evaluate
    from chromatrace.services.quality.sampling import read_lots

    plan = _plan(workspace, plan_id, plant, one_per, aql, level, permit_reduced=reduced)
    if (sample is None) is not (defects is None):
        raise InvalidInput("give both --sample and --defects", field="defects" if defects is None else "sample")
    past: SamplingHistory | None = None
    if history is not None:
        from chromatrace.quality.sampling import decide

        past = decide(plan, read_lots(history))
    elif plan_id is not None and severity is None:
        past = _recorded(workspace, plan, organisation)
    state = None if past is None else past.state
    chosen = Severity(severity) if severity else state.severity if state else Severity.NORMAL
    required = plan.for_lot(lot, chosen)
    facts: dict[str, Any] = {"plan": plan.id, "lot": lot, "severity": chosen.value, "letter": required.letter or None}
    facts |= {"sample": required.sample, "accept": required.accept, "reject": required.reject}
    if past is not None and state is not None:
        facts |= {"stopped": state.stopped, "reason": state.reason or None, "score": state.score}
        facts |= {"earlier_lots": [decision.as_json() for decision in past.decisions]}
    if sample is not None and defects is not None:
        accepted = evaluate(required, sample, defects, stopped=state is not None and state.stopped)
        facts |= {"measured": sample, "nonconforming": defects, "accepted": accepted}
    emit(as_json, facts)
    if facts.get("accepted") is False:
        raise click.exceptions.Exit(1)


def _plan(
    workspace: Workspace,
    plan_id: str | None,
    plant: str | None,
    one_per: int | None,
    aql: float | None,
    level: str,
    *,
    permit_reduced: bool,
) -> SamplingPlan:
    from chromatrace.quality.sampling import SamplingPlan
    from chromatrace.quality.sampling.plans import AQL, ONE_PER
    from chromatrace.services.quality.sampling import sampling_plan
    from chromatrace.services.records import plant_of

    if [plan_id, one_per, aql].count(None) != 2:
        raise InvalidInput("give one of --plan, --aql and --one-per", field="plan")
    if plan_id is not None:
        return sampling_plan(plant_of(plant or workspace.settings.plant), plan_id)
    if one_per is not None:
        return SamplingPlan(f"one per {one_per}", "final", ONE_PER, one_per=one_per)
    assert aql is not None
    return SamplingPlan(f"AQL {aql:g}", "final", AQL, level=level, aql=aql, permit_reduced=permit_reduced)


def _recorded(workspace: Workspace, plan: SamplingPlan, organisation: str | None) -> SamplingHistory:
    from chromatrace.services.quality.history import inspected_batches, producer_number
    from chromatrace.services.quality.sampling import sampling_history

    producer = producer_number(workspace, organisation)
    with workspace.index.snapshot() as snapshot:
        return sampling_history(plan, inspected_batches(snapshot, workspace.documents, producer))
