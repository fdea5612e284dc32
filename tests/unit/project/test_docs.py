"""The documents, held to the code."""

import dataclasses
import re
from pathlib import Path

import click
import pytest

from chromatrace.cli import main
from chromatrace.config import Settings

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`?", README)) - {"make"} <= targets | {"lists"}


@pytest.mark.parametrize(
    "words", sorted(set(re.findall(r"chromatrace (?:--[a-z-]+ \d+ )?([a-z]+(?: [a-z]+)?)", README)))
)
def test_every_command_of_the_readme_exists(words):
    command: click.Command | None = main
    context = click.Context(main)
    for word in words.split():
        if not isinstance(command, click.Group):
            break
        command = command.get_command(context, word)
        assert command is not None, words


def test_every_setting_is_documented_where_it_is_defined():
    import chromatrace.config

    documented = set(re.findall(r"CHROMATRACE_([A-Z_]+)", chromatrace.config.__doc__))
    fields = {field.name.upper() for field in dataclasses.fields(Settings)}
    assert fields <= documented
