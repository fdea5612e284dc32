"""Test plant configurations."""

from __future__ import annotations

from importlib.resources import files

import pytest

from chromatrace.domain.errors import NotFound
from chromatrace.plant import PlantError, example_plant, example_plants, load_plant
from chromatrace.plant.configuration import parse_plant


def text_of(name):
    return (files("chromatrace.plant") / "plants" / f"{name}.toml").read_text(encoding="utf-8")


def test_example_plants_load():
    assert example_plants() == ("desktop-computer", "electrochromic", "engineer-to-order")
    assert [station.id for station in example_plant("electrochromic").stations] == [
        *("101", "201", "202", "301", "302", "303", "404")
    ]
    assert len(example_plant("desktop-computer").stations) == 17
    assert len(example_plant("engineer-to-order").record_kinds) == 6


def test_desktop_line_has_the_designed_preconditions():
    after = {int(s.id): {int(before) for before in s.after} for s in example_plant("desktop-computer").stations}
    assert after[1] == set()
    assert after[5] == {2, 3, 4}
    assert after[12] == {7, 8, 9, 10, 11}
    assert after[17] == {14, 15, 16}


def test_each_department_references_the_preceding_record():
    kinds = example_plant("engineer-to-order").record_kinds
    assert [kind.station for kind in kinds if not kind.preceding] == ["sales"]
    assert kinds[3].schema == "chromatrace.record/discrete-processing.component/1"
    assert kinds[3].department == "Discrete processing"
    assert {before.field for before in kinds[3].preceding} == {"work_order_id", "product_id"}


@pytest.mark.parametrize("name", ["desktop-computer", "electrochromic"])
def test_other_plants_define_record_kinds(name):
    assert len({kind.department for kind in example_plant(name).record_kinds}) == 3


RECORD_MISTAKES = [
    ('station = "sales"\nkey', 'station = "sails"\nkey', "record_kinds[0].station"),
    ('key = ["contract_id"]', 'key = ["contract"]', "record_kinds[0].key"),
    ('key = ["contract_id"]', 'key = ["products"]', "record_kinds[0].key"),
    ('subject = "products"', 'subject = "customer"', "record_kinds[0].subject"),
    ('type = "quantities"', 'type = "quantity"', "record_kinds[0].fields[3].type"),
    ('name = "customer"', 'name = "salt"', "record_kinds[0].fields[2].name"),
    ('choices = ["processing", "assembly"]', "choices = []", "record_kinds[2].fields[3].choices"),
    ('kind = "sales.contract-order" }]', 'kind = "sales.order" }]', "record_kinds[1].preceding[0].kind"),
    ('id = "product-design.design"', 'id = "sales.contract-order"', "record_kinds[1].id"),
    ('id = "sales.contract-order"', 'id = "Sales"', "record_kinds[0].id"),
]


@pytest.mark.parametrize(("right", "wrong", "field"), RECORD_MISTAKES)
def test_invalid_record_kind_names_the_field(right, wrong, field):
    with pytest.raises(PlantError) as error:
        parse_plant(text_of("engineer-to-order").replace(right, wrong, 1))
    assert field in [mistake.key for mistake in error.value.mistakes]


def test_final_inspection_has_the_default_limits():
    sheet = example_plant("electrochromic").check_sheet("final")
    assert sheet.ordered
    assert [(c.quantity, c.comparison.value, c.limit) for c in sheet.checks] == [
        ("optical modulation", ">=", 40),
        ("coloration efficiency", ">=", 30),
        ("cycling stability", ">=", 80),
        ("switching time", "<=", 30),
        ("optical memory", "<=", 10),
    ]
    assert [sheet.sample_size(quantity) for quantity in (1, 100, 101, 1000)] == [1, 1, 2, 10]


ELECTROCHROMIC_MISTAKES = [
    ('schema = "chromatrace.plant/1"', 'schema = "chromatrace.plant/2"', "schema"),
    ("sample_period_s = 10", "sample_period_s = 0", "sample_period_s"),
    ("sample_period_s = 10", "sample_periods = 10", "sample_periods"),
    ('name = "Materials"', 'nam = "Materials"', "stations[0].name"),
    ('name = "Materials"', 'name = "Materials"\ncolour = "red"', "stations[0].colour"),
    ('after = ["202"]', 'after = ["222"]', "stations[3].after[0]"),
    ('after = ["101"]', 'after = ["404"]', "stations[1].after"),
    ('gtin = "09521234543213"', 'gtin = "09521234543214"', "products[0].gtin"),
    ('"302", "303", "404"]', '"302", "303", "405"]', "products[0].route[6]"),
    ('comparison = "<="\nlimit = 20\n', 'comparison = "=<"\nlimit = 20\n', "check_sheets[0].checks[0].comparison"),
    ("limit = 20\n", 'limit = "20"\n', "check_sheets[0].checks[0].limit"),
    ('quantity = "optical memory"', 'quantity = "smell"', "check_sheets[1].checks[4].quantity"),
    ("sample_one_per = 100", "sample_one_per = 0", "check_sheets[0].sample_one_per"),
    ('name = "201.base_pressure"', 'name = "201.basic_pressure"', "tags[0].name"),
    ("low = 0\nhigh = 10\n", "low = 10\nhigh = 10\n", "tags[0].high"),
    ("limit_high = 0.001\n", "limit_high = 11\n", "tags[0].limit_high"),
    ('kind = "reactive-sputtering"', 'kind = "printing"', "model.kind"),
    ("volume_l = 60,", "volume_l = -60,", "model.chambers.201.vacuum.volume_l"),
    ("power_w = 300\n", "", "model.chambers.201.recipe.power_w"),
    ("[model.chambers.301.recipe]", "[model.chambers.302.recipe]", "model.chambers.301.recipe"),
    ('working_station = "201"', 'working_station = "299"', "device.working_station"),
    ("charge_share = 0.95", "charge_share = true", "device.stack.charge_share"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "field"), ELECTROCHROMIC_MISTAKES, ids=[m[2] for m in ELECTROCHROMIC_MISTAKES]
)
def test_invalid_configuration_names_the_field(right, wrong, field):
    text = text_of("electrochromic")
    assert right in text
    with pytest.raises(PlantError) as error:
        parse_plant(text.replace(right, wrong, 1))
    assert field in [mistake.key for mistake in error.value.mistakes]


def test_duplicate_tag_is_named():
    text = text_of("engineer-to-order")
    copy = text[text.rindex("[[tags]]") :]
    with pytest.raises(PlantError, match="duplicate") as error:
        parse_plant(f"{text}\n{copy}")
    assert [mistake.key for mistake in error.value.mistakes] == ["tags[3].name"]


def test_model_without_chambers_is_rejected():
    text = text_of("electrochromic")
    start, end = text.index("[model.chambers.201]"), text.index("[[tags]]")
    with pytest.raises(PlantError) as error:
        parse_plant(text[:start] + "[model.chambers]\n" + text[end:])
    assert "model.chambers" in [mistake.key for mistake in error.value.mistakes]


def test_nominal_model_requires_nominal_values():
    with pytest.raises(PlantError) as error:
        parse_plant(text_of("desktop-computer").replace("nominal = 65\n", "", 1))
    assert [mistake.key for mistake in error.value.mistakes] == ["tags[0].nominal"]


def test_syntax_error_names_the_line(tmp_path):
    path = tmp_path / "plant.toml"
    path.write_text('schema = "chromatrace.plant/1"\nname = \n')
    with pytest.raises(PlantError, match=r"plant\.toml:2: name: not valid TOML"):
        load_plant(path)
    with pytest.raises(PlantError, match="cannot be read"):
        load_plant(tmp_path / "absent.toml")


def test_unknown_name_lists_the_known_names():
    with pytest.raises(PlantError, match="desktop-computer, electrochromic, engineer-to-order"):
        example_plant("bakery")
    with pytest.raises(NotFound, match="first, final"):
        example_plant("electrochromic").check_sheet("second")
