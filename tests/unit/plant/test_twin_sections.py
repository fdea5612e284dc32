"""The sections of a plant file about the twin: [alarms], [[forecasts]], [[proposals]]."""

from __future__ import annotations

import pytest

from chromatrace.domain.identifiers import Gln
from chromatrace.domain.rights import Role
from chromatrace.plant.alarm_settings import ALARMS, Priority
from chromatrace.plant.configuration import parse_plant
from chromatrace.plant.errors import PlantError
from chromatrace.plant.forecast_plans import FORECASTS
from chromatrace.plant.proposal_rules import PROPOSALS
from chromatrace.plant.twin_options import TWIN

BASE = """
schema = "chromatrace.plant/1"
name = "line"
title = "A line"
[[stations]]
id = "201"
name = "Sputtering"
[[tags]]
name = "pressure"
station = "201"
low = 0
high = 10
[[tags]]
name = "lot"
station = "201"
[[products]]
gtin = "09521234543213"
name = "Pane"
route = ["201"]
[[channels]]
name = "line-1"
[[sources]]
id = "opc"
protocol = "opcua"
channel = "line-1"
endpoint = "opc.tcp://127.0.0.1:4840"
[[sources]]
id = "files"
protocol = "folder"
channel = "line-1"
path = "exports"
[[machines]]
id = "sputter-1"
name = "Sputtering chamber"
station = "201"
tags = ["pressure"]
batch_tag = "lot"
"""


def test_a_plant_without_the_sections_has_the_defaults():
    plant = parse_plant(BASE)
    assert plant.section(ALARMS).flood_count == 10
    assert plant.section(FORECASTS) == ()
    assert plant.section(PROPOSALS) == ()


def test_all_keys_are_read():
    plant = parse_plant(
        BASE
        + """
[twin]
gln = "9521234000006"
department = "Production"
[alarms]
deadband = 0.01
stale_after_s = 30
flood_count = 20
flood_passes = ["critical"]
[[alarms.tags]]
tag = "pressure"
priority = "critical"
stale_after_s = 5
[[forecasts]]
tag = "pressure"
centre = 2
sigma = 0.1
steps = [1, 5]
every = 10
[[proposals]]
id = "hold"
when = "forecast"
tag = "pressure"
step = 5
probability = 0.7
action = "hold"
reason = "pressure drifts"
[[proposals]]
id = "lower"
when = "alarm"
kind = "limit"
machine = "sputter-1"
action = "set-point"
role = "producer"
write = { source = "opc", node = "ns=2;s=set", value = 1.5, low = 1, high = 2 }
automatic = { count = 2, per_s = 3600 }
"""
    )
    alarms, (forecast,), (hold, lower) = plant.section(ALARMS), plant.section(FORECASTS), plant.section(PROPOSALS)
    assert (alarms.stale_after_ns, alarms.flood_passes) == (30 * 10**9, {Priority.CRITICAL})
    assert alarms.tags["pressure"].priority is Priority.CRITICAL
    assert (forecast.steps, forecast.every, forecast.forgetting) == ((1, 5), 10, 0.99)
    assert (hold.cause, hold.step, hold.probability, hold.role) == ("forecast", 5, 0.7, Role.SUPERVISOR)
    assert (lower.write.protocol, lower.write.value, lower.automatic.count) == ("opcua", 1.5, 2)
    assert lower.role is Role.PRODUCER
    assert plant.section(TWIN).gln == Gln("9521234000006")
    assert [(kind.id, kind.department) for kind in plant.record_kinds] == [("twin.action", "Production")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('[[forecasts]]\ntag = "presure"\ncentre = 1\nsigma = 1', "forecasts[0].tag: unknown tag 'presure'"),
        ('[[forecasts]]\ntag = "pressure"\ncentre = 1\nsigma = 0', "forecasts[0].sigma: 0 is too small"),
        ('[[forecasts]]\ntag = "pressure"\ncentre = 1\nsigma = 1\nsteps = [5, 1]', "forecasts[0].steps: expected"),
        ('[alarms]\nflood_passes = ["urgent"]', "alarms.flood_passes[0]: expected one of"),
        (
            '[[proposals]]\nid = "a"\nwhen = "alarm"\ntag = "level"\naction = "hold"',
            "proposals[0].tag: unknown tag 'level'",
        ),
        ('[[proposals]]\nid = "a"\nwhen = "alarm"\naction = "stop"', "proposals[0].write: missing"),
        ('[[proposals]]\nid = "a"\nwhen = "alarm"\naction = "stop"', "action: stop needs the organisation"),
        ('[twin]\ngln = "123"', "twin.gln: "),
        (
            '[[proposals]]\nid = "a"\nwhen = "alarm"\naction = "stop"\nwrite = { source = "files", value = 0 }',
            "proposals[0].write.source: folder cannot write to a machine",
        ),
        (
            '[[proposals]]\nid = "a"\nwhen = "alarm"\naction = "stop"\nwrite = { source = "opc", value = 0 }',
            "proposals[0].write.node: missing; a opcua source needs it",
        ),
        (
            '[[proposals]]\nid = "a"\nwhen = "alarm"\naction = "set-point"\n'
            'write = { source = "opc", node = "i=1", value = 9, low = 1, high = 2 }',
            "proposals[0].write.value: 9 is outside its limits",
        ),
        (
            '[[proposals]]\nid = "a"\nwhen = "alarm"\naction = "set-point"\n'
            'write = { source = "opc", node = "i=1", value = 9 }',
            "proposals[0].write.low: missing; a set point needs its limits",
        ),
        (
            '[[proposals]]\nid = "a"\nwhen = "alarm"\naction = "hold"\nautomatic = { count = 1, per_s = 60 }',
            "proposals[0].automatic: does not apply to hold",
        ),
        (
            '[[proposals]]\nid = "a"\nwhen = "alarm"\nprobability = 0.5\naction = "hold"',
            "proposals[0].probability: does not apply to alarm",
        ),
    ],
)
def test_a_mistake_names_its_line_and_key(lines, message):
    with pytest.raises(PlantError) as caught:
        parse_plant(BASE + lines)
    found = [line for line in str(caught.value).splitlines() if message in line]
    assert found, str(caught.value)
    assert int(found[0].split(":")[1]) > len(BASE.splitlines())
