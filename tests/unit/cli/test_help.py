"""Every command teaches: it has a help text, each of its options says what it is, what it tells comes as JSON too."""

import json

import click
import pytest
from click.testing import CliRunner

from chromatrace.cli import batch, inspect, main
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.storage import strict_json


def commands(group, path=()):
    """Every command below `group`, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands(main))


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_each_command_has_help(words, command):
    answer = CliRunner().invoke(main, [*words, "--help"])
    assert answer.exit_code == 0
    assert command.help, "a command without a help text"
    assert command.help.strip().endswith((".", ":", ")", "}")) or "\n" in command.help


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_each_option_says_what_it_is(words, command):
    assert [one.opts for one in command.params if isinstance(one, click.Option) and not one.help] == []


def test_there_are_the_commands_that_the_readme_names():
    names = {" ".join(words) for words, _ in ALL}
    assert names >= {
        "demo", "up", "deploy", "ingest opcua", "ingest file", "anchor", "batch register", "inspect record",
        "qr code", "qr labels", "verify reading", "verify bundle", "index sync", "portal serve", "org appoint",
    }  # fmt: skip


def test_documents_that_help_shows_are_taken():
    for command, read in ((batch.register, BatchContent.from_bytes), (inspect.record, InspectionEvidence.from_bytes)):
        shown = command.help[command.help.index("{") : command.help.rindex("}") + 1]
        read(strict_json.canonical(json.loads(shown)))


WITHOUT_JSON = {
    "up": "serves",
    "plant": "serves; its first line is JSON",
    "portal serve": "serves",
    "inspector run": "serves",
}


def test_every_command_that_tells_something_takes_json():
    without = {
        " ".join(words)
        for words, command in ALL
        if not isinstance(command, click.Group) and not any("--json" in one.opts for one in command.params)
    }
    assert without == set(WITHOUT_JSON)
