"""`chromatrace twin train`, `monitor`, `approve` and `score`: models of recorded files."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from chromatrace.cli.output import emit, json_option, print_line, print_note, progress
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.twin.charts import Model
    from chromatrace.twin.evaluation import Evaluation
    from chromatrace.twin.prediction import Comparison
    from chromatrace.twin.scoring import TagScore

columns_option = click.option(
    "--columns",
    required=True,
    metavar="NAMES",
    help='Columns of the file in order, such as "XMEAS(1..41),T[Cel],-"; - skips a column. With a header: the columns '
    "to use.",
)
file_path = click.Path(path_type=Path)


class RowRange(click.ParamType[tuple[int, int]]):
    """Rows from the first to the last, written A..B."""

    name = "rows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,9})\.\.(\d{1,9})", value, re.ASCII)
        if match is None or int(match[1]) > int(match[2]):
            self.fail(f"expected rows such as 0..499, got {value!r}", param, ctx)
        return int(match[1]), int(match[2])


@click.command()
@click.argument("file", type=file_path)
@columns_option
@click.option(
    "--transposed", is_flag=True, help="Each line of FILE is a tag. Found if FILE has as many lines as columns."
)
@click.option("--rows", type=RowRange(), metavar="A..B", help="Rows of FILE to train on, from 0. Default: all.")
@click.option("--limits", type=file_path, required=True, help="File of normal operation that sets the limits.")
@click.option("--limit-rows", type=RowRange(), metavar="A..B", help="Rows of that file. Default: all.")
@click.option(
    "--method", type=click.Choice(["pca", "cva"]), default="pca", show_default=True, help="Kind of the model."
)
@click.option("--components", type=WholeRange(1), help="Principal components of a pca model. Default: 11.")
@click.option("--states", type=WholeRange(1), help="States of a cva model. Default: 25.")
@click.option("--lags", type=WholeRange(1, 50), help="Rows that a cva model combines. Default: 3.")
@click.option(
    "--false-alarms",
    type=FiniteRange(0, 0.5, min_open=True),
    default=0.01,
    show_default=True,
    help="Share of single rows in normal operation that are above each limit.",
)
@click.option("--approved-by", metavar="NAME", default="", help="Person who approves the windows of the model.")
@click.option("--accept-excursions", is_flag=True, help="Train although the data seem to contain a fault.")
@click.option("--replace", is_flag=True, help="Replace an approved model in the output file.")
@click.option("-o", "--output", type=file_path, required=True, help="Model file to write.")
@json_option
def train(
    file: Path,
    columns: str,
    transposed: bool,
    rows: tuple[int, int] | None,
    limits: Path,
    limit_rows: tuple[int, int] | None,
    method: Literal["pca", "cva"],
    components: int | None,
    states: int | None,
    lags: int | None,
    false_alarms: float,
    approved_by: str,
    accept_excursions: bool,
    replace: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Train a model of several tags on a file of normal operation.

    A pca model has the statistics T2 and SPE, a cva model Ts2 and Tr2. The limits are quantiles of the statistics of a
    second file. The model file contains the digests of both files and of itself.
    """
    from chromatrace.ingest.layout import parse_columns
    from chromatrace.twin.charts import TrainingOptions
    from chromatrace.twin.charts import train as train_model
    from chromatrace.twin.recorded import read_recording

    for name, value, owner in (("components", components, "pca"), ("states", states, "cva"), ("lags", lags, "cva")):
        if value is not None and method != owner:
            raise InvalidInput(f"only a {owner} model has {name}", field=name)
    order = (components or 11) if method == "pca" else (states or 25)
    options = TrainingOptions(
        method, order, 1 if method == "pca" else lags or 3, false_alarms, accept_excursions=accept_excursions
    )
    earlier = _earlier_model(output, replace)
    names = parse_columns(columns)
    training = read_recording(file, names, is_transposed=transposed)
    limit_data = read_recording(limits, names)
    model = train_model(training.tags, *training.window(rows), *limit_data.window(limit_rows), options, approved_by)
    deliver(output, [model.to_bytes()])
    if earlier is not None and earlier.digest != model.digest:
        print_note(f"replaced the model {_short(earlier)}, trained on {earlier.training.name}")
    emit(as_json, _model_facts(model) | {"file": str(output)}, lambda: _print_model(model, output))


def _earlier_model(path: Path, replace: bool) -> Model | None:
    """Return the model in the output file. Retraining must not replace an approved model unnoticed."""
    from chromatrace.twin.charts import Model

    if not path.is_file():
        return None
    try:
        earlier = Model.from_bytes(path.read_bytes())
    except (InvalidInput, OSError):
        return None
    if earlier.approved_by and not replace:
        raise InvalidInput(
            f"{path} has a model that {earlier.approved_by} approved",
            field="output",
            hint="use --replace to replace it",
        )
    return earlier


@click.command()
@click.argument("file", type=file_path)
@columns_option
@click.option(
    "--transposed", is_flag=True, help="Each line of FILE is a tag. Found if FILE has as many lines as columns."
)
@click.option("--model", "model_file", type=file_path, required=True, help="Model file of `twin train`.")
@click.option(
    "--run-length",
    type=WholeRange(1, 1000),
    default=6,
    show_default=True,
    help="Consecutive rows above a limit that raise an alarm. With 1, about 1 % of normal rows raise one.",
)
@click.option("--fault-row", type=WholeRange(1), help="First row of a known fault: report missed rows and delays.")
@click.option("--plot", type=file_path, metavar="FILE", help="Draw the statistics as .svg or .png.")
@click.option(
    "--contributions", type=file_path, metavar="FILE", help="Draw what the tags contribute to an alarm as .svg."
)
@click.option("--alarm", type=WholeRange(1), default=1, show_default=True, help="Number of that alarm in the list.")
@json_option
def monitor(
    file: Path,
    columns: str,
    transposed: bool,
    model_file: Path,
    run_length: int,
    fault_row: int | None,
    plot: Path | None,
    contributions: Path | None,
    alarm: int,
    as_json: bool,
) -> None:
    """Apply a model to a recorded file and list the alarms. Rows count from 0.

    A tag without a value, or whose sensor repeats one value longer than in the training data, is excluded from the row;
    the other tags are monitored on.
    """
    from chromatrace.ingest.layout import parse_columns
    from chromatrace.twin.evaluation import evaluate
    from chromatrace.twin.recorded import read_recording

    model = _read_model(model_file)
    recording = read_recording(file, parse_columns(columns), is_transposed=transposed)
    with progress("rows", len(recording.rows), hidden=as_json) as advance:
        evaluation = evaluate(model, recording, run_length, advance)
    facts = evaluation.as_dict()
    if fault_row is not None:
        facts["detection"] = evaluation.detection(fault_row)
    if plot is not None:
        _plot(evaluation, plot)
    if contributions is not None:
        _draw_contributions(evaluation, alarm, contributions)
    emit(as_json, facts, lambda: _print_evaluation(evaluation, run_length, facts.get("detection")))


def _read_model(path: Path) -> Model:
    from chromatrace.twin.charts import Model

    try:
        return Model.from_bytes(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", field="model") from error
    except InvalidInput as error:
        field = f"{path}: {error.field}" if error.field else str(path)
        hint = error.hint or "the file is not as `twin train` wrote it; restore it, or train the model again"
        raise InvalidInput(error.message, field=field, hint=hint) from error


def _plot(evaluation: Evaluation, path: Path) -> None:
    import numpy as np

    from chromatrace.instruments.results import Curve
    from chromatrace.services.drawing.plot import plot_png, plot_svg

    rows = np.arange(evaluation.rows, dtype=float)
    y_label = "log10(statistic / limit)"
    curves = []
    for index, name in enumerate(evaluation.model.statistics):
        ratio = evaluation.ratios[:, index]
        drawn = np.isfinite(ratio) & (ratio > 0)
        if drawn.any():
            curves.append(Curve(name, "row", y_label, rows[drawn], np.log10(ratio[drawn])))
    if not curves:
        raise InvalidInput("no row is monitored", field="plot")
    curves.append(Curve("limit", "row", y_label, rows[[0, -1]], np.zeros(2)))
    if path.suffix.lower() == ".svg":
        deliver(path, [plot_svg(curves).encode()])
    elif path.suffix.lower() == ".png":
        deliver(path, [plot_png(curves)])
    else:
        raise InvalidInput(f"{path.name!r} does not end with .svg or .png", field="plot")


def _draw_contributions(evaluation: Evaluation, number: int, path: Path) -> None:
    from chromatrace.services.drawing.bars import bars_svg

    if path.suffix.lower() != ".svg":
        raise InvalidInput(f"{path.name!r} does not end with .svg", field="contributions")
    if number > len(evaluation.alarms):
        raise InvalidInput(f"there are {len(evaluation.alarms)} alarms", field="alarm")
    alarm = evaluation.alarms[number - 1]
    title = f"Alarm {number}: contributions to {alarm.statistic} at row {alarm.raised_row}"
    deliver(path, [bars_svg(title, alarm.contributions).encode()])


def _short(model: Model) -> str:
    return model.digest.hex()[:12]


def _model_facts(model: Model) -> dict[str, Any]:
    windows = {"training": model.training, "limit_data": model.limit_data}
    return {
        "method": model.method,
        "tags": len(model.tags),
        "order": len(model.variances),
        "lags": model.lags,
        "limits": dict(zip(model.statistics, model.limits, strict=True)),
        "false_alarms": model.false_alarms,
        **{
            name: {"file": window.name, "rows": [window.first_row, window.last_row], "sha256": bytes(window.sha256)}
            for name, window in windows.items()
        },
        "approved_by": model.approved_by,
        "digest": bytes(model.digest),
    }


def _print_model(model: Model, path: Path) -> None:
    kind = "components" if model.method == "pca" else f"states, {model.lags} lags"
    print_line(f"{path}  {model.method}, {len(model.tags)} tags, {len(model.variances)} {kind}")
    for name, limit in zip(model.statistics, model.limits, strict=True):
        print_line(f"  limit of {name:<4}{limit:12.6g}   ({model.false_alarms:.2%} of single rows are above it)")
    for name, window in (("trained on", model.training), ("limits from", model.limit_data)):
        print_line(
            f"  {name:<12}{window.name}, rows {window.first_row} to {window.last_row}, sha256 0x{window.sha256.hex()}"
        )
    print_line(f"  approved by {model.approved_by}" if model.approved_by else "  not approved: for evaluation only")
    print_line(f"  digest      0x{model.digest.hex()}")


def _print_evaluation(evaluation: Evaluation, run_length: int, detection: dict[str, Any] | None) -> None:
    print_line(
        f"{evaluation.rows:,} rows, {len(evaluation.alarms)} alarms after {run_length} consecutive rows above a limit"
    )
    if evaluation.alarms:
        print_line(f"  {'':>3}  {'statistic':<10}{'first row':>10}{'raised':>8}{'last row':>10}  main tags")
    for number, alarm in enumerate(evaluation.alarms, 1):
        tags = ", ".join(f"{tag} {alarm.contributions[tag]:.0%}" for tag in alarm.main_tags)
        numbers = f"{alarm.first_row:>10}{alarm.raised_row:>8}{alarm.last_row:>10}"
        print_line(f"  {number:>3}  {alarm.statistic:<10}{numbers}  {tags}")
    shares = ", ".join(f"{name} {share:.2%}" for name, share in evaluation.shares_above.items())
    print_line(f"single rows above the limit: {shares} ({evaluation.model.false_alarms:.2%} of normal rows)")
    for tag, number in sorted(evaluation.excluded.items(), key=lambda item: -item[1]):
        print_note(f"{tag} was excluded from {number:,} rows: no value, or a dead sensor")
    if detection is None:
        return
    print_line(f"  {'':<10}{'false alarms':>13}{'missed':>9}{'delay':>7}{'raised after':>14}")
    for name, figures in detection.items():
        delay, raised = ("-" if figures[key] is None else str(figures[key]) for key in ("delay_rows", "raised_after"))
        print_line(f"  {name:<10}{figures['false_alarms']:>13.2%}{figures['missed']:>9.2%}{delay:>7}{raised:>14}")


@click.command()
@click.argument("model_file", metavar="MODEL", type=file_path)
@click.option("--by", "person", required=True, metavar="NAME", help="Person who approves the windows of the model.")
@json_option
def approve(model_file: Path, person: str, as_json: bool) -> None:
    """Approve the windows of a model file, for example after `twin monitor` has evaluated it. Its digest changes."""
    model = _read_model(model_file)
    if model.approved_by:
        raise InvalidInput(f"{model.approved_by} has already approved the model", field="model")
    approved = model.approved(person)
    deliver(model_file, [approved.to_bytes()])
    emit(as_json, _model_facts(approved) | {"file": str(model_file)}, lambda: _print_model(approved, model_file))


@click.command()
@click.argument("files", metavar="[FILE]…", nargs=-1, type=file_path)
@click.option("--stored", is_flag=True, help="Score the forecasts that `twin run` stored, instead of files.")
@click.option("--train", "train_file", type=file_path, help="File of normal operation.")
@click.option("--columns", metavar="NAMES", help="Columns of the files, as `twin train` has them.")
@click.option("--tags", metavar="NAMES", help='Tags to predict, such as "XMEAS(7),XMV(10)".')
@click.option(
    "--forgetting",
    type=FiniteRange(0, 1, min_open=True),
    default=0.99,
    show_default=True,
    help="Weight of the transitions so far after each row.",
)
@json_option
@click.pass_obj
def score(
    workspace: Workspace,
    files: tuple[Path, ...],
    stored: bool,
    train_file: Path | None,
    columns: str | None,
    tags: str | None,
    forgetting: float,
    as_json: bool,
) -> None:
    """Score predictions one row ahead on recorded files, next to persistence and the marginal.

    Each tag has a Markov chain with the states in control, warning and out of control, at 2 and 3 standard deviations
    of the training file. A file is transposed if it has as many lines as columns. With --stored, the forecasts of the
    plant's tags are scored by what happened.
    """
    if stored:
        if files or train_file is not None or columns is not None or tags is not None:
            raise InvalidInput("stored forecasts need no files, training or tags", field="stored")
        _score_stored(workspace, as_json)
        return
    for name, value in (("files", files), ("train", train_file), ("columns", columns), ("tags", tags)):
        if not value:
            raise InvalidInput("required to score recorded files", field=name, hint="or score --stored forecasts")
    assert train_file is not None
    assert columns is not None
    assert tags is not None
    from chromatrace.ingest.layout import parse_columns
    from chromatrace.twin.recorded import read_recording
    from chromatrace.twin.scoring import score_tag, total, train_tags

    names = parse_columns(columns)
    wanted = [column.tag for column in parse_columns(tags) if column.tag is not None]
    models = train_tags(read_recording(train_file, names), wanted)
    scores = []
    with progress("files", len(files), hidden=as_json) as advance:
        for number, path in enumerate(files, 1):
            recording = read_recording(path, names)
            scores += [score_tag(model, recording, forgetting) for model in models]
            advance(number)
    comparison = total(scores)
    facts = comparison.as_dict() | {"tags": [item.as_dict() for item in scores]}
    emit(as_json, facts, lambda: _print_scores(scores, comparison))


def _score_stored(workspace: Workspace, as_json: bool) -> None:
    from chromatrace.services.twin import open_store
    from chromatrace.twin.store.forecasts import stored_scores, total_score

    with ExitStack() as stack:
        scores = stored_scores(open_store(workspace, stack))
    comparison = total_score(scores)
    facts = comparison.as_dict() | {"tags": [item.as_dict() for item in scores]}

    def human() -> None:
        if not scores:
            print_line("no stored forecasts")
            return
        named = [(f"{item.tag}, {item.step} ahead", item.comparison) for item in scores]
        _print_comparisons(named, comparison)

    emit(as_json, facts, human)


def _print_scores(scores: list[TagScore], comparison: Comparison) -> None:
    _print_comparisons([(f"{item.file} {item.tag}", item.comparison) for item in scores], comparison)


def _print_comparisons(named: list[tuple[str, Comparison]], comparison: Comparison) -> None:
    width = max(len(name) for name, _ in named) + 2
    print_line(f"{'':<{width}}{'log loss':>30}{'Brier score':>33}")
    headings = f"{'model':>11}{'persistence':>13}{'marginal':>10}"
    print_line(f"{'':<{width}}{headings} {headings}")
    for name, item in named:
        _print_comparison(name, width, item)
    _print_comparison("all", width, comparison)
    worse = [item for _, item in named if item.beats_persistence is False]
    if comparison.beats_persistence is None:
        print_line("no forecast has an outcome yet")
    elif comparison.beats_persistence is False:
        print_line("the model does not beat persistence")
    elif worse:
        print_line(f"the model beats persistence overall, but not in {len(worse)} of {len(named)} rows of this table")
    else:
        print_line("the model beats persistence in every row of this table")


def _print_comparison(name: str, width: int, comparison: Comparison) -> None:
    cells = []
    for figure in ("log_loss", "brier"):
        values = [getattr(item, figure) for item in (comparison.model, comparison.persistence, comparison.marginal)]
        shown = ["-" if value is None else f"{value:.4f}" for value in values]
        cells.append(f"{shown[0]:>11}{shown[1]:>13}{shown[2]:>10}")
    mark = "  worse than persistence" if comparison.beats_persistence is False else ""
    print_line(f"{name:<{width}}{cells[0]} {cells[1]}{mark}")
