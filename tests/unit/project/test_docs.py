"""The documents, held to the code."""

import re
import shlex
from pathlib import Path

import click
import pytest

from chromatrace.cli import main
from chromatrace.cli.settings import settings_page

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`?", README)) - {"make"} <= targets | {"lists"}


def commands(page):
    """Every command of a page, in a block of code or in the text, as words."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [part for block in blocks for line in block.splitlines() for part in line.split("; ")]
    inline = re.findall(r"`(chromatrace [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in [*lines, *inline]:
        words = shlex.split(re.sub(r"[\[\]]", " ", line), comments=True) if line.startswith("chromatrace ") else []
        if words:
            yield words[1:]


def options_of(command, *, inner=True):
    """Those of a command by name; of a group also those of its commands, where the page leaves open which."""
    found = {"--help": click.Option(["--help"], is_flag=True)}
    if inner and isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found |= options_of(command.get_command(click.Context(command), name))
    return found | {name: option for option in command.params for name in option.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page):
    for line in commands(page):
        command, known, words = main, options_of(main, inner=False), iter(line)
        for word in words:
            if word.startswith("--"):
                assert word in known, f"{word} of {' '.join(line)}"
                if not known[word].is_flag:
                    next(words, None)
            elif isinstance(command, click.Group) and not (word.isupper() or "." in word or "…" in word):
                command = command.get_command(click.Context(command), word)
                assert command is not None, f"{word} of {' '.join(line)}"
                known = options_of(command)


def test_commands_are_found():
    found = [words for page in PAGES for words in commands(page)]
    assert len(found) > 60
    assert ["--dev-account", "2", "log", "anchor"] in found


def test_the_settings_page_is_generated_from_the_declarations():
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()
