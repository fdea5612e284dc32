"""Test births, aliases, sequence numbers, deaths and values of Sparkplug B messages."""

from __future__ import annotations

import struct

import pytest

from chromatrace.domain.reading import BAD
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.mqtt.payload import BAD_NO_COMMUNICATION
from chromatrace.ingest.mqtt.sparkplug import SparkplugNodes
from chromatrace.sparkplug.sparkplug_pb2 import Metric, Payload, PropertySet, PropertyValue

MS = 1_714_521_600_000
NOW = MS * 10**6 + 10**9


def payload(seq, *metrics, **fields):
    return Payload(timestamp=MS, seq=seq, metrics=metrics, **fields).SerializeToString()


def metric(name=None, alias=None, at=0, **fields):
    return Metric(name=name, alias=alias, timestamp=MS + at, **fields)


def bd_seq(number):
    return metric("bdSeq", datatype=4, long_value=number)


class Plant:
    def __init__(self):
        self.statistics = GatewayStatistics()
        self.rebirths = []
        self.nodes = SparkplugNodes(self.statistics, lambda *node: self.rebirths.append(node))

    def receive(self, kind, data, device=None, node="node"):
        topic = "/".join(["spBv1.0", "group", kind, node, *([device] if device else [])])
        values = self.nodes.receive(topic, data, NOW)
        return [(v.key.source, v.key.tag, v.value, v.quality) for v in values]

    def birth(self, bd=0):
        self.receive("NBIRTH", payload(0, bd_seq(bd), metric("load", 1, datatype=10, double_value=0.5)))
        properties = PropertySet(keys=["engUnit"], values=[PropertyValue(type=12, string_value="kN")])
        self.receive(
            "DBIRTH", payload(1, metric("force", 2, datatype=9, float_value=1.5, properties=properties)), "press"
        )

    @property
    def reasons(self):
        return [rejection.reason for rejection in self.statistics.rejections]


@pytest.fixture
def plant():
    started = Plant()
    started.birth()
    return started


def test_aliases_name_the_metrics_of_the_birth(plant):
    values = plant.nodes.receive("spBv1.0/group/DDATA/node/press", payload(2, metric(None, 2, 7, float_value=2.5)), NOW)
    (value,) = values
    assert (value.key.source, value.key.tag, value.key.unit) == ("group/node/press", "force", "kN")
    assert (value.value, value.source_time_ns) == (2.5, (MS + 7) * 10**6)
    assert plant.receive("NDATA", payload(3, metric(None, 1, double_value=0.7))) == [("group/node", "load", 0.7, 0)]
    assert not plant.rebirths


def test_a_gap_is_reported_and_aliases_are_rejected_until_the_rebirth(plant):
    assert plant.receive("NDATA", payload(4, metric(None, 1, 5, double_value=9.0))) == []
    assert plant.receive("NDATA", payload(5, metric("load", None, 6, double_value=9.5))) == [
        ("group/node", "load", 9.5, 0)
    ]
    assert plant.rebirths == [("group", "node")]
    assert plant.statistics.gaps_unfilled == 1
    assert "sequence number 4 instead of 2" in plant.statistics.gaps[0].reason
    plant.birth()
    assert plant.receive("NDATA", payload(2, metric(None, 1, 8, double_value=3.0))) == [("group/node", "load", 3.0, 0)]


def test_sequence_numbers_wrap_after_255(plant):
    for seq in [*range(2, 256), 0, 1]:
        assert plant.receive("NDATA", payload(seq, metric(None, 1, seq, double_value=1.0)))
    assert not plant.statistics.gaps_unfilled


def test_data_before_the_birth_requests_a_rebirth_once():
    plant = Plant()
    for seq in (7, 8):
        assert plant.receive("DDATA", payload(seq, metric(None, 2, float_value=1.0)), "press") == []
    assert plant.rebirths == [("group", "node")]
    assert plant.statistics.rejected_by_source == {"group/node/press": 2}


def test_unknown_aliases_and_metrics_request_a_rebirth(plant):
    data = payload(2, metric(None, 99, double_value=1.0), metric("other", None, double_value=1.0))
    assert plant.receive("NDATA", data) == []
    assert plant.reasons == ["unknown alias 99", "unknown metric: it is not in the birth"]
    assert plant.rebirths == [("group", "node")]


def test_an_alias_of_a_device_is_not_valid_for_another_source(plant):
    assert plant.receive("NDATA", payload(2, metric(None, 2, double_value=1.0))) == []
    assert plant.reasons == ["unknown alias 2"]


def test_the_death_of_a_node_makes_the_tags_of_its_devices_bad(plant):
    assert plant.receive("NDEATH", payload(0, bd_seq(0))) == [
        ("group/node", "load", None, BAD_NO_COMMUNICATION),
        ("group/node/press", "force", None, BAD_NO_COMMUNICATION),
    ]
    assert plant.receive("NDEATH", payload(0, bd_seq(0))) == []


def test_the_death_of_a_device_ends_its_aliases(plant):
    assert plant.receive("DDEATH", payload(2), "press") == [("group/node/press", "force", None, BAD_NO_COMMUNICATION)]
    assert plant.receive("DDATA", payload(3, metric(None, 2, float_value=1.0)), "press") == []
    assert "before the birth of the device" in plant.reasons[0]
    plant.receive("DBIRTH", payload(4, metric("torque", 2, datatype=9, float_value=1.0)), "lathe")
    assert plant.receive("DDATA", payload(5, metric(None, 2, 5, float_value=4.0)), "lathe") == [
        ("group/node/lathe", "torque", 4.0, 0)
    ]


def test_the_death_of_an_earlier_session_is_ignored(plant):
    plant.birth(bd=1)
    assert plant.receive("NDEATH", payload(0, bd_seq(0))) == []
    assert (plant.statistics.ignored_deaths, plant.statistics.rejected) == (1, 0)
    assert plant.receive("NDATA", payload(2, metric(None, 1, double_value=1.0)))


def test_a_restarted_node_may_give_an_alias_to_another_metric(plant):
    plant.receive("NBIRTH", payload(0, bd_seq(1), metric("speed", 1, datatype=10, double_value=0.0)))
    assert plant.receive("NDATA", payload(1, metric(None, 1, 5, double_value=8.0))) == [("group/node", "speed", 8.0, 0)]


def test_a_new_session_without_a_death_makes_the_tags_of_the_earlier_one_bad(plant):
    born = payload(0, bd_seq(1), metric("load", 1, datatype=10, double_value=0.7))
    assert plant.receive("NBIRTH", born) == [
        ("group/node", "load", None, BAD_NO_COMMUNICATION),
        ("group/node/press", "force", None, BAD_NO_COMMUNICATION),
        ("group/node", "load", 0.7, 0),
    ]
    assert (plant.statistics.gaps_unfilled, plant.statistics.rejected, plant.rebirths) == (0, 0, [])


def test_a_rebirth_in_the_same_session_is_no_death(plant):
    born = payload(0, bd_seq(0), metric("load", 1, datatype=10, double_value=0.7))
    assert plant.receive("NBIRTH", born) == [("group/node", "load", 0.7, 0)]


def test_a_lost_connection_requests_a_rebirth_and_is_a_gap(plant):
    plant.nodes.reconnected(nodes_waited=False)
    assert plant.rebirths == [("group", "node")]
    assert plant.statistics.gaps_unfilled == 1
    assert plant.receive("NDATA", payload(9, metric(None, 1, double_value=1.0))) == []


def test_a_lost_connection_is_no_gap_if_the_nodes_waited_for_the_primary_host(plant):
    plant.nodes.reconnected(nodes_waited=True)
    assert (plant.rebirths, plant.statistics.gaps_unfilled) == ([("group", "node")], 0)


@pytest.mark.parametrize(
    ("datatype", "value", "expected"),
    [
        (1, {"int_value": 0xFF}, -1.0),
        (1, {"int_value": 0xFFFFFF80}, -128.0),
        (2, {"int_value": 0xFFFF8000}, -32768.0),
        (3, {"int_value": 0x80000000}, -2147483648.0),
        (3, {"long_value": 0xFFFFFFFF}, -1.0),
        (4, {"long_value": 2**64 - 1}, -1.0),
        (4, {"long_value": 2**53 + 1}, 2**53 + 1),
        (5, {"int_value": 255}, 255.0),
        (7, {"long_value": 2**32 - 1}, 4294967295.0),
        (8, {"long_value": 2**63 - 1}, 2**63 - 1),
        (9, {"float_value": 0.1}, struct.unpack("<f", struct.pack("<f", 0.1))[0]),
        (10, {"double_value": -0.0}, -0.0),
        (11, {"boolean_value": False}, "false"),
        (12, {"string_value": "idle"}, "idle"),
        (13, {"long_value": MS}, "2024-05-01T00:00:00Z"),
        (15, {"string_value": "6f9619ff"}, "6f9619ff"),
    ],
)
def test_values_of_all_types_are_exact(datatype, value, expected):
    plant = Plant()
    ((_, _, got, quality),) = plant.receive("NBIRTH", payload(0, metric("x", datatype=datatype, **value)))
    assert (repr(got), quality) == (repr(expected), 0)


@pytest.mark.parametrize(
    ("datatype", "value", "reason"),
    [
        (1, {"int_value": 200_000}, "outside the range"),
        (5, {"int_value": 256}, "outside the range"),
        (8, {"long_value": 2**63}, "64-bit"),
        (9, {"float_value": float("nan")}, "finite"),
        (10, {"double_value": float("inf")}, "finite"),
        (10, {"string_value": "1"}, "does not fit"),
        (12, {"string_value": "x" * 501}, "501 characters"),
        (13, {"long_value": 2**60}, "not a valid time"),
        (10, {}, "no value"),
    ],
)
def test_invalid_values_are_rejected_with_their_reason(datatype, value, reason):
    plant = Plant()
    assert plant.receive("NBIRTH", payload(0, metric("x", datatype=datatype, **value))) == []
    assert reason in plant.reasons[0]


def test_arrays_data_sets_and_transient_metrics_are_left_out_once():
    plant = Plant()
    metrics = [
        metric("profile", 1, datatype=31, bytes_value=b"\0" * 8),
        metric("table", 2, datatype=16, dataset_value=b""),
        metric("pulse", 3, datatype=10, double_value=1.0, is_transient=True),
        metric("x" * 121, 4, datatype=10, double_value=1.0),
    ]
    assert plant.receive("NBIRTH", payload(0, *metrics)) == []
    assert plant.receive("NDATA", payload(1, metric(None, 1, bytes_value=b"\1"))) == []
    assert [text.partition(":")[0] for text in plant.statistics.left_out] == [
        "group/node/profile",
        "group/node/table",
        "group/node/pulse",
        "group/node/" + "x" * 121,
    ]
    assert plant.statistics.rejected == 0


def test_null_values_and_the_quality_property(plant):
    def quality(number):
        return PropertySet(keys=["Quality"], values=[PropertyValue(type=3, int_value=number)])

    data = payload(
        2,
        metric(None, 1, 1, is_null=True),
        metric(None, 1, 2, double_value=1.0, properties=quality(192)),
        metric(None, 1, 3, double_value=1.0, properties=quality(500)),
        metric(None, 1, 4, double_value=1.0, properties=quality(0)),
    )
    assert [(value, code) for *_, value, code in plant.receive("NDATA", data)] == [
        (None, BAD),
        (1.0, 0),
        (1.0, 0x4090_0000),
        (1.0, BAD),
    ]


def test_historical_values_are_replayed_and_a_changed_type_is_rejected(plant):
    data = payload(2, metric(None, 1, 1, double_value=1.0, is_historical=True), metric(None, 1, 2, datatype=3))
    (value,) = plant.nodes.receive("spBv1.0/group/NDATA/node", data, NOW)
    assert value.replayed
    assert plant.reasons == ["data type 3 instead of 10, which the birth declares"]


def test_an_invalid_payload_is_counted_for_its_source(plant):
    assert plant.receive("DDATA", b"\xff\xff\xff", "press") == []
    assert plant.statistics.rejected_by_source == {"group/node/press": 1}


def test_texts_that_are_not_utf_8_are_rejected(plant):
    metrics = [metric("abcd", 5, datatype=12, string_value="wxyz"), metric("speed", 6, datatype=10, double_value=1.0)]
    data = payload(2, *metrics)
    assert plant.receive("DBIRTH", data.replace(b"wxyz", b"\xff\xfeyz"), "lathe") == [
        ("group/node/lathe", "speed", 1.0, 0)
    ]
    assert plant.receive("DBIRTH", data.replace(b"abcd", b"\xff\xfecd"), "lathe") == []
    assert plant.reasons == ["a text that is not UTF-8", "DBIRTH is not a valid Sparkplug B payload"]
