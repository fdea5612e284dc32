"""Training: bad windows, model files, reading of recorded files, and the command line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from twin_data import CVA, PCA, TAGS, line, trained, window

from chromatrace.cli import main
from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.charts import Model, TrainingOptions, train
from chromatrace.twin.errors import ModelAltered, TrainingDataError

COLUMNS = "T0,T1,T2,T3,T4,T5,T6,T7,T8,T9"


def changed(rows, column, value, first=0):
    rows = rows.copy()
    rows[first:, column] = value
    return rows


@pytest.mark.parametrize("options", [PCA, CVA], ids=["pca", "cva"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(line(1), 3, 7.5), "T3 is constant (7.5)"),
        (changed(line(1), 3, np.nan), "T3 has values in 0 of 600 rows only"),
        (changed(line(1), 3, np.nan, 200), "T3 has values in 200 of 600 rows only"),
    ],
    ids=["constant", "empty", "half-empty"],
)
def test_columns_that_cannot_be_monitored(options, rows, message):
    with pytest.raises(TrainingDataError) as error:
        trained(options, rows)
    assert error.value.field == "training"
    assert message in error.value.message
    assert "write - for it" in error.value.hint


@pytest.mark.parametrize(("options", "minimum"), [(PCA, 20), (CVA, 40)], ids=["pca", "cva"])
def test_too_few_rows(options, minimum):
    with pytest.raises(TrainingDataError, match=f"{minimum - 1} complete rows; .* need {minimum}") as error:
        trained(options, line(1, minimum - 1))
    assert error.value.field == "training"


def test_too_few_rows_for_the_limits():
    with pytest.raises(TrainingDataError, match=r"limits at 0\.01 of rows need 100") as error:
        trained(PCA, limits=line(2, 80))
    assert error.value.field == "limits"


def test_gaps_split_the_windows_of_a_cva_model():
    rows = line(1, 120)
    rows[::4] = np.nan
    with pytest.raises(TrainingDataError, match="windows without a gap"):
        trained(CVA, rows)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda rows: rows.__setitem__((slice(300, None), 4), rows[300:, 4] + 15), "the median of T4 is"),
        (lambda rows: rows.__setitem__((slice(300, 360), 4), 100 + 12 * (-1.0) ** np.arange(60)), "deviation of T4 is"),
        (lambda rows: rows.__setitem__((400, 4), 1e6), "row 400: T4 is 1e+06"),
    ],
    ids=["shift", "spread", "outlier"],
)
@pytest.mark.parametrize("faulty", ["training", "limits"])
def test_fault_in_a_window(fault, message, faulty):
    windows = {"rows": line(1), "limits": line(2, 600)}
    fault(windows["rows" if faulty == "training" else "limits"])
    with pytest.raises(TrainingDataError) as error:
        trained(PCA, **windows)
    assert error.value.field == faulty
    assert message in error.value.message
    options = TrainingOptions("pca", 4, accept_excursions=True)
    assert trained(options, **windows).tags == TAGS


def test_missing_rows_in_the_training_data_are_left_out():
    rows = line(1)
    rows[::10, 3] = np.nan
    complete = rows[~np.isnan(rows).any(axis=1)]
    model = trained(PCA, rows)
    assert model.mean == pytest.approx(complete.mean(axis=0).tolist())
    assert model.scale == pytest.approx(complete.std(axis=0, ddof=1).tolist())


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"method": "pls"}, "method"),
        ({"order": 0}, "order"),
        ({"method": "cva", "lags": 0}, "lags"),
        ({"method": "pca", "lags": 2}, "lags"),
        ({"false_alarms": 0}, "false_alarms"),
        ({"false_alarms": 0.6}, "false_alarms"),
    ],
    ids=["method", "order", "lags", "pca-lags", "rate-0", "rate-60"],
)
def test_invalid_options(options, field):
    with pytest.raises(InvalidInput) as error:
        TrainingOptions(**options)
    assert error.value.field == field


def test_as_many_components_as_columns_are_rejected():
    with pytest.raises(InvalidInput, match="10 is not below the number of values of a row, 10"):
        trained(TrainingOptions("pca", 10))


def test_dependent_columns_are_rejected_or_reduced():
    rows, limits = line(1), line(2)
    for values in (rows, limits):
        values[:, 4:] = values[:, :4] @ np.ones((4, 6)) + np.arange(6) * values[:, :1]
    with pytest.raises(TrainingDataError, match="independent directions"):
        trained(TrainingOptions("pca", 5), rows, limits)


# -- model files


def test_file_is_read_back(model):
    assert Model.from_bytes(model.to_bytes()) == model


def test_altered_file_is_rejected(model):
    data = json.loads(model.to_bytes())
    data["limits"][0] *= 2
    with pytest.raises(ModelAltered, match="does not match its digest") as error:
        Model.from_bytes(json.dumps(data, separators=(",", ":"), sort_keys=True).encode())
    assert error.value.field == "digest"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("mean", [1.0]),
        ("basis", [[1.0]]),
        ("variances", [0, 0, 0, 0]),
        ("limits", [1]),
        ("dead_after", [0] * 10),
        ("tags", ["T0"] * 10),
        ("noise", -1),
        ("schema", "chromatrace.twin-model/2"),
    ],
)
def test_file_with_an_invalid_member_is_rejected(models, member, value):
    data = json.loads(models["pca"].to_bytes())
    data[member] = value
    with pytest.raises(InvalidInput):
        Model.from_bytes(json.dumps(data, separators=(",", ":"), sort_keys=True).encode())


def test_approval_changes_the_digest_and_nothing_else(model):
    approved = model.approved("A. Engineer")
    assert approved.approved_by == "A. Engineer"
    assert approved.digest != model.digest
    assert (approved.limits, approved.training) == (model.limits, model.training)
    with pytest.raises(InvalidInput, match="expected 1 to 200 characters"):
        model.approved("")


def test_training_is_deterministic():
    assert trained(CVA).to_bytes() == trained(CVA).to_bytes()


def test_rows_of_another_width_are_rejected():
    rows = line(1)
    with pytest.raises(InvalidInput, match="expected rows of 10 values"):
        train(TAGS, rows[:, :5], window(rows), rows, window(rows), PCA)


# -- command line


def save(path, rows, header=True):
    lines = [",".join(TAGS)] * header
    path.write_text("\n".join([*lines, *(",".join(f"{value:.5f}" for value in row) for row in rows)]))
    return path


@pytest.fixture
def files(tmp_path):
    return save(tmp_path / "normal.csv", line(1)), save(tmp_path / "more.csv", line(2)), tmp_path / "model.json"


def run(command, *arguments):
    result = CliRunner().invoke(main, ["twin", command, *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def train_command(files, *options):
    normal, more, output = files
    return run("train", normal, "--columns", COLUMNS, "--components", 4, "--limits", more, "-o", output, *options)


def test_train_and_monitor_print_tables(files, tmp_path):
    status, output = train_command(files, "--approved-by", "A. Engineer")
    assert status == 0
    assert "pca, 10 tags, 4 components" in output
    assert "approved by A. Engineer" in output
    rows = line(7, 400)
    rows[200:, 3] += 12
    faulty = save(tmp_path / "run.csv", rows)
    plots = ["--plot", tmp_path / "run.svg", "--contributions", tmp_path / "alarm.svg"]
    options = ["--columns", COLUMNS, "--model", files[2], "--fault-row", 200, *plots]
    status, output = run("monitor", faulty, *options)
    assert status == 0
    assert "consecutive rows above a limit" in output
    assert "T3" in output
    assert "<polyline" in (tmp_path / "run.svg").read_text()
    assert "contributions to" in (tmp_path / "alarm.svg").read_text()
    assert "T3</text>" in (tmp_path / "alarm.svg").read_text()


def test_retraining_is_reported_and_needs_an_option_after_an_approval(files):
    assert train_command(files)[0] == 0
    status, output = train_command(files, "--rows", "0..399")
    assert (status, "replaced the model" in output) == (0, True)
    assert train_command(files, "--approved-by", "A. Engineer")[0] == 0
    approved = files[2].read_bytes()
    status, output = train_command(files)
    assert status == 1
    assert "has a model that A. Engineer approved" in output
    assert files[2].read_bytes() == approved
    assert train_command(files, "--replace")[0] == 0


def test_model_is_approved_after_its_evaluation(files):
    assert train_command(files)[0] == 0
    trained_model = Model.from_bytes(files[2].read_bytes())
    status, output = run("approve", files[2], "--by", "A. Engineer")
    assert (status, "approved by A. Engineer" in output) == (0, True)
    assert Model.from_bytes(files[2].read_bytes()) == trained_model.approved("A. Engineer")
    status, output = run("approve", files[2], "--by", "B. Engineer")
    assert (status, "A. Engineer has already approved the model" in output) == (1, True)
    assert train_command(files)[0] == 1


def test_columns_of_a_file_with_a_header_are_selected_by_name(files, tmp_path):
    assert train_command(files)[0] == 0
    more_columns = tmp_path / "more-columns.csv"
    lines = (f"{index},{text}" for index, text in enumerate(files[1].read_text().splitlines()))
    more_columns.write_text("\n".join(lines).replace("0,T0", "index,T0", 1))
    plain, selected = (
        run("monitor", file, "--columns", COLUMNS, "--model", files[2]) for file in (files[1], more_columns)
    )
    assert plain == selected
    assert plain[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "cva"], "components: only a pca model has components"),
        (["--lags", "2"], "lags: only a cva model has lags"),
        (["--rows", "0..5000"], "rows 0 to 5000 are not in normal.csv"),
        (["--rows", "0..10"], "11 complete rows; 10 tags and 1 lags need 20"),
    ],
    ids=["components", "lags", "rows", "few"],
)
def test_options_that_do_not_fit_are_errors(files, options, message):
    status, output = train_command(files, *options)
    assert status == 1
    assert message in output
    assert not files[2].exists()


def test_rows_option_needs_a_range(files):
    status, output = train_command(files, "--rows", "9..3")
    assert status == 2
    assert "expected rows such as 0..499" in output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("T0,T1\n1,2\n", "the header has no column 'T2'"),
        (",".join(TAGS) + "\n", "the table has no rows"),
        (",".join(TAGS) + "\n" + "1," * 9 + "x\n", "line 2"),
        ("", "the file has no rows"),
    ],
    ids=["columns", "no-rows", "text", "empty"],
)
def test_files_that_cannot_be_read_are_errors(files, tmp_path, content, message):
    assert train_command(files)[0] == 0
    bad = tmp_path / "bad.csv"
    bad.write_text(content)
    status, output = run("monitor", bad, "--columns", COLUMNS, "--model", files[2])
    assert status == 1
    assert message in output
    assert "bad.csv" in output


def test_missing_files_are_errors(files, tmp_path):
    status, output = run("monitor", tmp_path / "none.csv", "--columns", COLUMNS, "--model", tmp_path / "none.json")
    assert (status, "none.json cannot be read: No such file" in output) == (1, True)
    assert train_command(files)[0] == 0
    status, output = run("monitor", tmp_path / "none.csv", "--columns", COLUMNS, "--model", files[2])
    assert (status, "none.csv cannot be read: No such file" in output) == (1, True)


def test_altered_model_file_is_an_error(files):
    assert train_command(files)[0] == 0
    files[2].write_bytes(files[2].read_bytes().replace(b'"T3"', b'"T8"').replace(b'"T8","T9"', b'"T3","T9"'))
    status, output = run("monitor", files[1], "--columns", COLUMNS, "--model", files[2])
    assert status == 1
    assert "the model was altered after training" in output
