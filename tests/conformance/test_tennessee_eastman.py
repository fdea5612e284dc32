"""Control charts on the Tennessee Eastman data, through the command line, as published.

Source: L. H. Chiang, E. L. Russell, R. D. Braatz, Fault Detection and Diagnosis in Industrial Systems (2001),
chapter 8: 52 variables, 3 minutes for each row, row 160 is the first with the fault, an alarm after six rows in a row
above the limit. Detection delays of IDV 1: T² 21 min, SPE 9 min; of IDV 2: T² 51 min, SPE 36 min.
"""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from chromatrace.cli import main

COLUMNS = "XMEAS(1..41),XMV(1..11)"
FAULT_ROW, MINUTES = 160, 3
METHODS = {"pca": ["--components", "11"], "cva": ["--lags", "3", "--states", "25"]}
STATISTICS = {"pca": ["T2", "SPE"], "cva": ["Ts2", "Tr2"]}


def run(*arguments):
    result = CliRunner().invoke(main, ["twin", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def failure(*arguments):
    result = CliRunner().invoke(main, ["twin", *map(str, arguments)])
    assert result.exit_code == 1, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def data(data_dir):
    return data_dir / "tep"


@pytest.fixture(scope="module")
def models(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    files = {}
    for method, options in METHODS.items():
        files[method] = folder / f"{method}.json"
        options = ["--method", method, *options, "--limits", data / "d00_te.dat", "-o", files[method], "--json"]
        run("train", data / "d00.dat", "--transposed", "--columns", COLUMNS, *options)
    return files


def monitor(file, model, *options):
    return run("monitor", file, "--columns", COLUMNS, "--model", model, *(options or ("--run-length", 6)), "--json")


@pytest.fixture(scope="module")
def detected(data, models):
    """Return the output for a fault and a method."""
    known = {}

    def of(fault, method):
        key = fault, method
        if key not in known:
            known[key] = monitor(
                data / f"d{fault:02}_te.dat", models[method], "--run-length", 6, "--fault-row", FAULT_ROW
            )
        return known[key]

    return of


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", [1, 2])
def test_fault_raises_an_alarm_within_30_rows(detected, fault, method):
    output = detected(fault, method)
    assert output["rows"] == 960
    assert [alarm for alarm in output["alarms"] if alarm["raised_row"] < FAULT_ROW] == []
    for name in STATISTICS[method]:
        first = next(alarm for alarm in output["alarms"] if alarm["statistic"] == name)
        assert FAULT_ROW <= first["first_row"] == first["raised_row"] - 5
        assert first["raised_row"] - FAULT_ROW <= 30
        assert 1 <= len(first["tags"]) <= 5


@pytest.mark.parametrize(
    ("fault", "statistic", "minutes"), [(1, "T2", 21), (1, "SPE", 9), (2, "T2", 51), (2, "SPE", 36)]
)
def test_published_detection_delay_of_pca(detected, fault, statistic, minutes):
    assert detected(fault, "pca")["detection"][statistic]["delay_rows"] * MINUTES == minutes


@pytest.mark.parametrize(
    ("fault", "statistic", "missed"), [(1, "T2", 0.008), (1, "SPE", 0.003), (2, "T2", 0.020), (2, "SPE", 0.014)]
)
def test_published_share_of_missed_rows_of_pca(detected, fault, statistic, missed):
    assert detected(fault, "pca")["detection"][statistic]["missed"] == pytest.approx(missed, abs=0.001)


@pytest.mark.parametrize("method", METHODS)
def test_false_alarms_in_normal_operation(data, models, method):
    """Single rows give about 1 % by each statistic, the run rule none."""
    with_rule = monitor(data / "d00_te.dat", models[method])
    assert with_rule["alarms"] == []
    single = monitor(data / "d00_te.dat", models[method], "--run-length", 1)
    for name in STATISTICS[method]:
        assert 0.008 <= single["share_above"][name] <= 0.012
        assert any(alarm["statistic"] == name for alarm in single["alarms"])


@pytest.mark.parametrize("method", METHODS)
def test_dead_sensors_and_gaps_raise_no_alarm(data, models, method, tmp_path):
    rows = np.loadtxt(data / "d00_te.dat")
    rows[300:, 0] = 0.0
    rows[400:, 8] = rows[399, 8]
    rows[500:, 36] = np.nan
    rows[:, 45] = rows[0, 45]
    rows[np.random.default_rng(1).random(rows.shape) < 0.02] = np.nan
    file = tmp_path / "dead.csv"
    np.savetxt(file, rows, delimiter=",")
    output = monitor(file, models[method])
    assert output["alarms"] == []
    assert output["excluded"]["XMEAS(1)"] > 600
    assert output["excluded"]["XMV(5)"] > 900


def test_transposed_file_is_found_by_its_number_of_lines(data, models, tmp_path):
    """52 lines of 500 values; 52 lines of 52 values are rows."""
    model = tmp_path / "model.json"
    facts = run("train", data / "d00.dat", "--columns", COLUMNS, "--limits", data / "d00_te.dat", "-o", model, "--json")
    assert facts["training"]["rows"] == [0, 499]
    assert model.read_bytes() == models["pca"].read_bytes()
    square = tmp_path / "square.dat"
    square.write_text("".join((data / "d00_te.dat").read_text().splitlines(keepends=True)[:52]))
    expected = monitor(data / "d00_te.dat", models["pca"], "--run-length", 1)["alarms"]
    output = monitor(square, models["pca"], "--run-length", 1)
    assert output["alarms"] == [alarm for alarm in expected if alarm["last_row"] < 52]


def test_file_with_another_number_of_columns_is_an_error(data, models, tmp_path):
    error = failure("monitor", data / "d00_te.dat", "--columns", "XMEAS(1..41)", "--model", models["pca"])
    assert "41 columns are named, but the table has 52 columns" in error
    transposed = failure("monitor", data / "d00_te.dat", "--columns", COLUMNS, "--transposed", "--model", models["pca"])
    assert "52 columns are named, but the table has 960 columns" in transposed


@pytest.mark.parametrize("fault", [1, 2])
@pytest.mark.parametrize("window", ["training", "limits"])
def test_fault_in_a_window_is_reported(data, tmp_path, fault, window):
    faulty, normal = data / f"d{fault:02}_te.dat", data / "d00_te.dat"
    file, limits = (faulty, normal) if window == "training" else (normal, faulty)
    output = tmp_path / "model.json"
    options = ["--limits", limits, "-o", output]
    error = failure("train", file, "--columns", COLUMNS, *options)
    assert error.startswith(f"error: {window}: ")
    assert "seem to contain a fault: in rows" in error
    assert not output.exists()


def test_window_is_named_by_its_rows(data, tmp_path):
    options = ["--limits", data / "d00_te.dat", "--limit-rows", "0..799", "-o", tmp_path / "model.json", "--json"]
    facts = run("train", data / "d00.dat", "--columns", COLUMNS, "--rows", "100..499", *options)
    assert (facts["training"]["rows"], facts["limit_data"]["rows"]) == ([100, 499], [0, 799])


def test_predictions_on_the_recorded_runs(data):
    """XMEAS 7, 9, 11, 21 and XMV 10: persistence 0.547, marginal 1.085, an online Dirichlet model 0.346."""
    runs = [data / f"d0{number}_te.dat" for number in (0, 1, 2)]
    tags = "XMEAS(7),XMEAS(9),XMEAS(11),XMEAS(21),XMV(10)"
    facts = run("score", *runs, "--train", data / "d00.dat", "--columns", COLUMNS, "--tags", tags, "--json")
    assert facts["forecasts"] == 3 * 5 * 959
    log_losses = [facts[name]["log_loss"] for name in ("model", "persistence", "marginal")]
    assert log_losses == pytest.approx([0.346, 0.547, 1.085], abs=6e-4)
    assert facts["model"]["brier"] < facts["persistence"]["brier"] < facts["marginal"]["brier"]
    assert all(row["beats_persistence"] for row in facts["tags"])
