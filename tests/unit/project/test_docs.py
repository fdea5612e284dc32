"""The documents agree with the code."""

import re
import shlex
from pathlib import Path

import click
import pytest

from chromatrace.cli import main
from chromatrace.cli.settings import settings_page

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_has_a_target(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`?", README)) - {"make"} <= targets | {"lists"}


def commands(page):
    """Yield the arguments of every command of a page, in code blocks and in the text."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [part for block in blocks for line in block.splitlines() for part in line.removeprefix("$ ").split("; ")]
    inline = re.findall(r"`(chromatrace [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in [*lines, *inline]:
        parts = shlex.split(re.sub(r"[\[\]]", " ", line), comments=True) if line.startswith("chromatrace ") else []
        if parts:
            yield parts[1:]


def options_of(command, *, inner=True):
    """Return the options of a command by name; of a group, also those of its commands."""
    options = {"--help": click.Option(["--help"], is_flag=True)}
    if inner and isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            options |= options_of(command.get_command(click.Context(command), name))
    return options | {name: option for option in command.params for name in option.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page):
    for line in commands(page):
        command, known, arguments = main, options_of(main, inner=False), iter(line)
        for argument in arguments:
            if argument.startswith("--"):
                assert argument in known, f"{argument} of {' '.join(line)}"
                if not known[argument].is_flag:
                    next(arguments, None)
            elif isinstance(command, click.Group) and not (argument.isupper() or "." in argument or "…" in argument):
                command = command.get_command(click.Context(command), argument)
                assert command is not None, f"{argument} of {' '.join(line)}"
                known = options_of(command)


def test_commands_are_found():
    found_commands = [arguments for page in PAGES for arguments in commands(page)]
    assert len(found_commands) > 60
    assert ["--dev-account", "1", "log", "anchor"] in found_commands


def test_the_settings_page_is_generated_from_the_declarations():
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()
