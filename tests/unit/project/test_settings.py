"""Every setting, those of the portal included, is reachable as an option, a variable and a key of the settings file."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.cli import portal
from chromatrace.cli import main
from chromatrace.domain.errors import InvalidInput
from chromatrace.settings import Settings, declarations, resolve, resolve_all, sections

COMMANDS = {"": [main], "portal": portal.commands.values()}
"""The commands that have the options of each section."""
ALL = [declaration for owner in sections().values() for declaration in declarations(owner)]


def sample(declaration):
    """Return a value other than the default, as text and as Python value."""
    if declaration.python_type is bool:
        return "true", True
    if declaration.python_type is int:
        number = declaration.minimum or 0
        number += number == declaration.default
        return str(number), number
    if declaration.python_type is Path:
        return "/elsewhere/x", Path("/elsewhere/x")
    return ("a,b", ("a", "b")) if declaration.python_type is tuple else ("sample", "sample")


def toml(declaration, value):
    shown = json.dumps(list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value)
    return f"{f'[{declaration.section}]' if declaration.section else ''}\n{declaration.name} = {shown}\n"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for declaration in ALL:
        monkeypatch.delenv(declaration.variable, raising=False)


@pytest.mark.parametrize("declaration", ALL, ids=lambda declaration: declaration.key)
class TestEverySetting:
    def test_is_an_option(self, declaration):
        commands = COMMANDS[declaration.section]
        options = {name: option for command in commands for option in command.params for name in option.opts}
        assert isinstance(options[declaration.option], click.Option)
        assert options[declaration.option].name == declaration.name
        assert declaration.help in options[declaration.option].help

    def test_is_a_variable(self, declaration):
        text, value = sample(declaration)
        owner = sections()[declaration.section]
        resolved = resolve(owner, environment={declaration.variable: text})[declaration.name]
        assert (resolved.value, resolved.source) == (value, "environment")

    def test_is_a_key_of_the_file(self, declaration, tmp_path):
        _, value = sample(declaration)
        (tmp_path / "settings.toml").write_text(toml(declaration, value))
        owner = sections()[declaration.section]
        resolved = resolve(owner, file=tmp_path / "settings.toml", environment={})[declaration.name]
        assert (resolved.value, resolved.source) == (value, "file")

    def test_is_documented(self, declaration):
        page = (Path(__file__).parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
        assert f"| `{declaration.name}` | `{declaration.option}` | `{declaration.variable}` |" in page

    def test_has_a_help_text_in_one_sentence_or_more(self, declaration):
        assert declaration.help[0].isupper() or declaration.help.startswith("https")
        assert declaration.help.endswith(".")


def test_an_option_overrides_the_environment_which_overrides_the_file(tmp_path):
    (tmp_path / "chromatrace.toml").write_text('rpc_url = "http://file"\nplant = "file"\nbase_url = "http://file"\n')
    environment = {"CHROMATRACE_RPC_URL": "http://variable", "CHROMATRACE_PLANT": "variable"}
    values = resolve(
        Settings, {"rpc_url": "http://option"}, file=tmp_path / "chromatrace.toml", environment=environment
    )
    assert [values[name].value for name in ("rpc_url", "plant", "base_url")] == [
        *("http://option", "variable", "http://file")
    ]
    assert [values[name].source for name in ("rpc_url", "plant", "base_url", "vault")] == [
        *("option", "environment", "file", "default")
    ]


def test_the_file_of_the_data_folder_is_the_default(tmp_path):
    (tmp_path / "chromatrace.toml").write_text('plant = "bakery"\nkeystore = "key.json"\n')
    values = resolve_all({"data": tmp_path})
    assert values["plant"].value == "bakery"
    assert values["keystore"].value == tmp_path / "key.json", "relative to the folder of the file"
    assert values["config"].value == tmp_path / "chromatrace.toml"


def test_a_named_file_can_set_the_data_folder(tmp_path):
    (tmp_path / "site.toml").write_text('data = "store"\n')
    assert resolve_all({"config": tmp_path / "site.toml"})["data"].value == tmp_path / "store"


@pytest.mark.parametrize(
    ("content", "field", "message"),
    [
        ("rpc = 1", "rpc", "unknown setting rpc in"),
        ("[portals]", "portals", "unknown section [portals] in"),
        ("dev_account = true", "dev_account", "expected an integer"),
        ("dev_account = 100", "dev_account", "100 is not in the range"),
        ('data = "x"', "data", "data cannot be set in"),
        ("rpc_url", "config", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_key_and_file(tmp_path, content, field, message):
    file = tmp_path / "chromatrace.toml"
    file.write_text(content)
    with pytest.raises(InvalidInput) as raised:
        resolve_all({"data": tmp_path})
    assert (raised.value.field, message in raised.value.message, str(file) in raised.value.message) == (
        *(field, True, True),
    )


def test_an_unknown_setting_of_the_portal_is_an_error(tmp_path):
    (tmp_path / "chromatrace.toml").write_text("[portal]\ntrusted_proxy = 1\n")
    with pytest.raises(InvalidInput, match=r"unknown setting portal\.trusted_proxy in"):
        resolve(sections()["portal"], file=tmp_path / "chromatrace.toml")


def test_a_wrong_variable_is_an_error_that_names_it():
    with pytest.raises(InvalidInput, match="CHROMATRACE_DEV_ACCOUNT: 'x' is not a valid"):
        resolve(Settings, environment={"CHROMATRACE_DEV_ACCOUNT": "x"})


def test_a_secret_can_be_the_first_line_of_a_file(tmp_path):
    (tmp_path / "password").write_text("seven grey panes\nof glass\n")
    values = resolve(Settings, environment={"CHROMATRACE_KEY_PASSWORD": f"@{tmp_path / 'password'}"})
    assert values["key_password"].value == "seven grey panes"
    assert "seven" not in repr(Settings(key_password="seven grey panes"))
    with pytest.raises(InvalidInput, match="cannot read a password from"):
        resolve(Settings, environment={"CHROMATRACE_KEY_PASSWORD": f"@{tmp_path / 'none'}"})


def test_the_command_shows_values_and_sources_but_no_secret(tmp_path):
    (tmp_path / "chromatrace.toml").write_text('[portal]\ntitle = "Example"\n')
    environment = {"CHROMATRACE_KEY_PASSWORD": "seven grey panes"}
    result = CliRunner().invoke(main, ["--data", str(tmp_path), "settings", "--json"], env=environment)
    shown = {row["setting"]: (row["value"], row["source"]) for row in json.loads(result.stdout)["settings"]}
    assert shown["portal.title"] == ("Example", "file")
    assert shown["key_password"] == ("***", "environment")
    assert shown["data"] == (str(tmp_path), "option")
