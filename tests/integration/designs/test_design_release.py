"""Simulations first, experiments second, then a release that batches and inspections are bound to."""

from __future__ import annotations

import json

import pytest
from design_shop import GTIN, PRODUCER


@pytest.fixture(scope="module")
def versions(shop):
    """Return versions 1 and 2 of the design: the second one has a higher limit. A batch is made by each."""
    before = shop.register("L0", status=1)
    shop.record("simulation", "S-1")
    shop.record("experiment", "E-1", simulation_ids=["S-1"])
    first = shop.release(1, "E-1")
    made_by_first = shop.register("L1")
    shop.plant(limit=45)
    unreleased = shop.register("L2", status=1)
    shop.record("experiment", "E-2", simulation_ids=["S-1"])
    second = shop.release(2, "E-1", "E-2")
    made_by_second = shop.register("L2")
    return before, first, made_by_first, unreleased, second, made_by_second


def test_each_batch_names_the_version_that_it_is_made_by(shop, versions):
    _, first, made_by_first, _, second, made_by_second = versions
    for number, (released, made) in enumerate(((first, made_by_first), (second, made_by_second)), start=1):
        assert made["design"] == {"id": "D-7", "version": number, "digest": released["digest"]}
        digest = made["content_digest"].removeprefix("0x")
        stored = json.loads((shop.folder / "data" / "documents" / digest[:2] / digest[2:]).read_bytes())
        assert stored["design"] == made["design"], "the digest of this document is on the chain"
    assert first["digest"] != second["digest"]


def test_a_definition_is_published_with_product_route_and_check_sheets(shop, versions):
    digest = versions[4]["digest"].removeprefix("0x")
    published = json.loads((shop.folder / "data" / "documents" / digest[:2] / digest[2:]).read_bytes())
    assert [station["id"] for station in published["route"]] == ["201", "303"]
    assert published["check_sheets"][0]["checks"][0]["limit"] == 45


def test_production_waits_for_a_release_of_the_plant_file(versions):
    before, _, _, unreleased, _, _ = versions
    assert (before["error"], before["field"]) == ("NotFound", "design")
    assert (unreleased["error"], unreleased["field"]) == ("Conflict", "design")
    assert "differ from version 1 of design D-7" in unreleased["message"]


def test_a_batch_cannot_name_an_older_version(shop, versions):
    first = versions[1]
    named = {"id": "D-7", "version": 1, "digest": first["digest"]}
    assert shop.register("L3", design=named, status=1)["field"] == "/design"


def test_an_inspection_uses_the_check_sheet_of_the_batchs_version(shop, versions):
    assert shop.sign("L1", 40.0)["check_sheet"] == "first"
    assert shop.sign("L2", 45.0)["check_sheet"] == "first"
    assert "optical modulation >= 40 %" in shop.sign("L1", 45.0, status=1)["message"]
    assert "optical modulation >= 45 %" in shop.sign("L2", 40.0, status=1)["message"]


def test_experiments_need_simulations_and_releases_need_experiments(shop, versions):
    unknown = shop.record("experiment", "E-9", simulation_ids=["S-9"], status=1)
    assert (unknown["error"], unknown["field"]) == ("UnknownPrecedingError", "/simulation_ids/0")
    assert shop.release(3, "E-9", status=1)["error"] == "UnknownPrecedingError"
    other = {"design": "design/D-8", "simulation_ids": ["S-1"]}
    assert shop.record("experiment", "E-10", status=1, **other)["error"] == "UnknownPrecedingError"


@pytest.mark.parametrize("version", [1, 2, 4])
def test_versions_are_consecutive(shop, versions, version):
    assert shop.release(version, "E-1", status=1)["field"] == "version"


def test_only_product_development_releases(shop, versions):
    arguments = ("record", "design", "release", "D-7", GTIN, "--version", 3, "--experiment", "E-1")
    assert shop.run(PRODUCER, *arguments, status=1)["error"] in ("NotMember", "MissingRole")


def test_the_plant_file_can_be_checked(shop, versions):
    assert shop.run(PRODUCER, "record", "design", "check", GTIN)["design"]["version"] == 2
    shop.plant(limit=50)
    assert shop.run(PRODUCER, "record", "design", "check", GTIN, status=1)["error"] == "Conflict"
    shop.plant(limit=45)
