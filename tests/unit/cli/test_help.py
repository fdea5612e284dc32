"""Every `--help` works, describes the command and its options, and shows an example that exists."""

import json
import resource
import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from chromatrace.cli import COMMANDS, batch, inspection, main
from chromatrace.documents.content import BatchContent, InspectionEvidence
from chromatrace.storage import strict_json

SCREEN_LINES = 40
STARTS = 5
MAXIMUM_START_RATIO = 12
"""`chromatrace --help` takes about 8 times as long as `python -c pass` (0.16 s and 0.02 s)."""


def commands(group, path=()):
    """Yield every command below `group`, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands(main))
NOUNS = [(words, command) for words, command in ALL if len(words) == 1]


def identifier(case):
    return " ".join(case) if isinstance(case, tuple) else ""


def help_of(*words):
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(("words", "command"), ALL, ids=identifier)
def test_every_command_has_help(words, command):
    first_line = command.help.strip().splitlines()[0]
    assert command.get_short_help_str(200) in help_of(*words).replace("\n  ", " ")
    assert first_line[0].isupper()
    assert first_line.split()[0].rstrip(".,").isalpha(), "a verb"


@pytest.mark.parametrize(("words", "command"), ALL, ids=identifier)
def test_every_option_has_help(words, command):
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.opts for option in options if not option.help] == []
    assert [option.opts for option in options if option.help.strip()[-1] not in ".)]"] == []


def example_commands(command):
    """Return the command lines of a help text, as words."""
    lines = command.help.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.strip().startswith("chromatrace ")]


@pytest.mark.parametrize(
    ("words", "command"),
    [case for case in NOUNS if isinstance(case[1], click.Group)],
    ids=identifier,
)
def test_the_help_of_every_noun_has_a_complete_example(words, command):
    examples = example_commands(command)
    assert any(words[0] in example for example in examples)
    for example in examples:
        result = CliRunner().invoke(main, [*example, "--help"])
        assert result.exit_code == 0, (example, result.output)


def test_the_root_help_fits_on_one_screen_and_groups_the_commands():
    lines = help_of().splitlines()
    assert len(lines) <= SCREEN_LINES
    assert all(f"{heading}:" in lines for heading in COMMANDS)
    names = [name for (name,), _ in NOUNS]
    assert [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in names] == names


@pytest.mark.parametrize(("words", "command"), NOUNS, ids=identifier)
def test_the_summary_in_the_root_help_is_the_first_line_of_the_help(words, command):
    summaries = {name: summary for section in COMMANDS.values() for name, summary in section.items()}
    if words[0] in summaries:
        assert command.help.strip().splitlines()[0] == summaries[words[0]]


def test_the_root_help_starts_fast():
    """CPU time compared with the bare interpreter in the same run, which does not depend on the machine's load."""

    def seconds(*arguments):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    command = min(seconds("-m", "chromatrace.cli", "--help") for _ in range(STARTS))
    bare = min(seconds("-c", "pass") for _ in range(STARTS))
    assert command / bare < MAXIMUM_START_RATIO


def test_the_root_help_imports_no_heavy_package():
    code = (
        "import sys; from chromatrace.cli import main; main(['--help'], standalone_mode=False); "
        "print(sorted({'rich', 'web3', 'flask', 'sqlalchemy', 'coincurve', 'Crypto', 'numpy'} & set(sys.modules)))"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.splitlines()[-1] == "[]"


def test_the_documents_in_help_texts_are_valid():
    for command, read in (
        (batch.batch.commands["register"], BatchContent.from_bytes),
        (inspection.inspection.commands["sign"], InspectionEvidence.from_bytes),
    ):
        document = command.help[command.help.index("{") : command.help.rindex("}") + 1]
        read(strict_json.canonical(json.loads(document)))


WITHOUT_JSON = {"chain start", "plant serve", "portal serve", "inspection run", "twin run"}
"""Long-running commands."""


def test_every_command_that_prints_facts_takes_json():
    without = {
        " ".join(words)
        for words, command in ALL
        if not isinstance(command, click.Group) and not any("--json" in option.opts for option in command.params)
    }
    assert without == WITHOUT_JSON
