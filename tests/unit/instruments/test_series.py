"""Charge, cycling and switching series."""

import math

import pytest

from chromatrace.instruments import ReadOptions, read_result
from chromatrace.instruments.errors import ResultFileError
from chromatrace.instruments.series import SeriesOptions


def read(folder, text, **options):
    path = folder / "series.csv"
    path.write_text(text, encoding="utf-8")
    return read_result(path, ReadOptions(series=SeriesOptions(**options))).figures


def error(folder, text, **options):
    with pytest.raises(ResultFileError) as caught:
        read(folder, text, **options)
    assert "series.csv" in caught.value.field
    return str(caught.value)


CURRENT = "time/s,I/mA\n0,-4\n5,-4\n10,0\n"
"""30 mC."""


@pytest.mark.parametrize(
    ("text", "area"),
    [
        (CURRENT, 2.0),
        ("time [s],charge [mC]\n0,5\n5,-15\n10,-25\n", 2.0),
        ("time (s);charge density (mC/cm²)\n0;0,0\n5;10,0\n10;15,0\n", None),
        ("time_s,current_density_mA_cm2\n0,-2\n5,-2\n10,0\n", None),
        ("t [min],I [A]\n0,0.0005\n1,0.0005\n", 2.0),
    ],
)
def test_charge_density(tmp_path, text, area):
    (figure,) = read(tmp_path, text, area_cm2=area)
    assert (figure.quantity, figure.unit) == ("charge density", "C/cm2")
    assert figure.value == pytest.approx(0.015)


def test_times_of_day_and_columns_of_other_kinds(tmp_path):
    text = "device;5\ntime;T [°C];I/mA\n03.02.2026 09:00:00;23,1;-4,0\n03.02.2026 09:00:15;23,2;-4,0\n"
    assert read(tmp_path, text, area_cm2=2.0)[0].value == pytest.approx(0.03)
    text = "time/s\tEwe/V\tI/mA\tT/°C\n0,000\t0,1250\t-1,0E-3\t23,1\n4,000\t0,1310\t-1,0E-3\t23,1\n"
    assert read(tmp_path, text, area_cm2=1.0)[0].value == pytest.approx(4e-6)


def test_retention(tmp_path):
    text = "cycle,delta T [%]\n1,50\n500,45\n1000,40\n"
    assert read(tmp_path, text)[0].value == pytest.approx(80)
    (figure,) = read(tmp_path, text, cycles=500)
    assert (figure.quantity, figure.unit) == ("cycling stability", "%")
    assert figure.value == pytest.approx(90)
    text = "cycle number,T bleached [%],T coloured [%]\n1,80,20\n2000,70,25\n"
    assert read(tmp_path, text)[0].value == pytest.approx(75)
    text = "cycle,charge [mC]\n1,-10\n100,-9\n"
    assert read(tmp_path, text)[0].quantity == "charge retention"


def exponential(tau, first, last, points=2000, step=0.05):
    return [first + (last - first) * (1 - math.exp(-index * step / tau)) for index in range(points)]


def test_switching_time_of_an_exponential(tmp_path):
    values = exponential(3.0, 70, 20)
    text = "time [s],T [%]\n" + "".join(f"{index * 0.05},{value}\n" for index, value in enumerate(values))
    (figure,) = read(tmp_path, text)
    assert figure.condition.startswith("colouring")
    assert figure.value == pytest.approx(3.0 * math.log(10), abs=0.02)


def test_the_voltage_separates_transitions(tmp_path):
    values = exponential(2.0, 70, 20) + exponential(4.0, 20, 70)
    rows = [(index * 0.05, value, -1.5 if index < 2000 else 1.5) for index, value in enumerate(values)]
    text = "time [s],T [%],voltage [V]\n" + "".join(f"{t},{v},{u}\n" for t, v, u in rows)
    colouring, bleaching = read(tmp_path, text)
    assert (colouring.condition.split(",")[0], bleaching.condition.split(",")[0]) == ("colouring", "bleaching")
    assert colouring.value == pytest.approx(2.0 * math.log(10), abs=0.02)
    assert bleaching.value == pytest.approx(4.0 * math.log(10), abs=0.02)
    without = "time [s],T [%]\n" + "".join(f"{t},{v}\n" for t, v, _ in rows)
    assert "voltage" in error(tmp_path, without)


def test_charge_and_transmittance_give_the_coloration_efficiency(tmp_path):
    text = "charge density [mC/cm2],T [%]\n0,80\n-5,40\n-10,8\n"
    charge, efficiency = read(tmp_path, text)
    assert charge.value == pytest.approx(0.01)
    assert (efficiency.quantity, efficiency.unit) == ("coloration efficiency", "cm2/C")
    assert efficiency.value == pytest.approx(1 / 0.01)


def test_each_step_of_a_switching_series_has_its_charge(tmp_path):
    rows = [(0, 80, -1, -4), (5, 20, -1, -4), (10, 8, -1, -4), (11, 8, 1, 8), (13, 60, 1, 8), (16, 80, 1, 8)]
    text = "time [s],T [%],E [V],I [mA]\n" + "".join(f"{t},{v},{u},{i}\n" for t, v, u, i in rows)
    figures = read(tmp_path, text, area_cm2=4.0)
    assert [(f.quantity, f.condition.split(",")[0]) for f in figures] == [
        ("switching time", "colouring"),
        ("charge density", "colouring"),
        ("coloration efficiency", "colouring"),
        ("switching time", "bleaching"),
        ("charge density", "bleaching"),
        ("coloration efficiency", "bleaching"),
    ]
    assert [f.value for f in figures if f.quantity != "switching time"] == pytest.approx([0.01, 100, 0.01, 100])
    assert [f.quantity for f in read(tmp_path, text)] == ["switching time"] * 2


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (CURRENT, {}, "--area"),
        ("time/s,current\n0,-4\n5,-4\n", {"area_cm2": 1.0}, "unit is missing"),
        ("time/s,I/mA\n0,-4\n5,-4\n10,4\n15,4\n", {"area_cm2": 1.0}, "flows back"),
        ("time/s,I/mA\n0,0\n5,0\n", {"area_cm2": 1.0}, "charge is 0"),
        ("time/s,I/mA\n5,1\n0,1\n", {"area_cm2": 1.0}, "ascend"),
        ("time/s,I/mA\n0,1\n5,NaN\n", {"area_cm2": 1.0}, "line 3, I [mA]"),
        ("time/s,T [%]\n0,50\n5,50\n", {}, "does not change"),
        ("time/s,T [%]\n0,50\n", {}, "at least 2"),
        ("cycle,delta T [%]\n1,50\n10,45\n", {"cycles": 1000}, "outside the series"),
        ("cycle,delta T [%]\n1,0\n10,45\n", {}, "above 0"),
        ("cycle,delta T [%]\n1,50\n10,1e308\n", {}, "cycling stability"),
        ("cycle,delta T [%]\n10,50\n1,45\n", {}, "ascend"),
        ("time/s,pressure/Pa\n0,1\n1,2\n", {}, "no figure"),
        ("time,T [%]\n0,60\n1,20\n", {}, "time: the unit is missing"),
    ],
)
def test_a_broken_series_is_an_error_with_file_and_field(tmp_path, text, options, message):
    assert message in error(tmp_path, text, **options)
