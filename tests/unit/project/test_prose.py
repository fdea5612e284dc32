"""The prose check reports the phrases that it lists, and not their replacements."""

import pytest

from scripts.check_prose import check_names, check_text, prose_of

REPLACED = [
    ("Options of the connection stand before the command", "Connection options go before the command"),
    ("What serves until Ctrl-C ends with 0 then", "Long-running commands exit with status 0 on Ctrl-C"),
    ("What stands before /01/… in a QR code (there by default: where it listens)", "Base URL of QR codes"),
    ("The main job, end to end, with nothing prepared", "Run the full demonstration; no setup required"),
    ("Recall a batch, for ever.", "Recall a batch (irreversible). Safe to re-run after an interruption"),
    ("Who has less is not drawn", "Inspectors below this capability are not selected"),
    ("Lost by who does not answer in time", "Capability deducted for missing the deadline"),
    ("this needs someone who acts", "this command needs a signing key"),
    ("this member stands there twice", 'duplicate member "x"'),
    ("{v} is no date", "{v} is not a valid date"),
    ("a date is needed, got {v}", "expected a date, got {v}"),
    ("not JSON that we read", "unsupported JSON"),
    ("the bundle is not written the one way it can be", "the bundle is not in canonical form"),
    ("{event} does not follow on {state}", "{event} is not valid in state {state}"),
    ("one follower is enough: let it work", "another follower is running (pid 123); stop it first"),
    ("Not that way", "Method not allowed"),
    ("There is nothing here", "Page not found"),
    ("Not at the moment", "Conflict"),
    ("nothing that speaks S3 answers at …", "no S3-compatible server responded at …"),
    ("does not let us in", "authentication rejected"),
    ("this server never says that it has finished", 'the server exposes no "finished" status'),
    ("what a power failure takes back is asked again", "recoverable from the chain, so fsync is relaxed"),
    ("In one interpreter reading and writing take turns", "The GIL serialises reading and writing"),
    ("under way: sent to the chain", "pending confirmation"),
    ("nobody gives its currency away", "… is not a development chain; fund the address yourself"),
    ("Bad surroundings are refusals everywhere", "errors: report environment failures as typed errors"),
    ("returns None where there is none", "returns None if there is none"),
    ("the message is refused", "the message is rejected"),
    ("split, so that\nboth fit", "split so both fit"),
]


@pytest.mark.parametrize(("phrase", "replacement"), REPLACED)
def test_a_listed_phrase_is_reported_and_its_replacement_is_not(phrase, replacement):
    assert list(check_text(phrase))
    assert list(check_text(replacement)) == []


@pytest.mark.parametrize(
    "text", ["there is no chain", "What is it?", "it is no longer valid", "US customary", "lettuce"]
)
def test_plain_phrases_are_not_reported(text):
    assert list(check_text(text)) == []


def test_a_finding_has_the_line_of_the_phrase():
    (finding,) = check_text("first\nsecond, so\nthat third", "a.md", 10)
    assert (finding.path, finding.line, finding.text) == ("a.md", 11, "so that")


@pytest.mark.parametrize(
    ("path", "text", "prose"),
    [
        (
            "a.py",
            'x = "a message"  # a comment\n# goes on\ny = "word"\n',
            [(1, "a message"), (1, "a comment\ngoes on")],
        ),
        ("a.sol", "uint x; // one\n/// two\n/* three */", [(1, " one\n two\n three ")]),
        ("a.sh", "run # one\necho a#b", [(1, " one")]),
        ("a.toml", 'x = "y" # one', [(1, " one")]),
    ],
)
def test_prose_of_source_files(path, text, prose):
    assert list(prose_of(path, text)) == prose


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.md", "see `for ever`\n```\nfor ever\n```"), ("a.html", '<p title="for ever">{{ for ever }}</p>')],
)
def test_code_in_documents_is_not_prose(path, text):
    assert [finding for line, prose in prose_of(path, text) for finding in check_text(prose, path, line)] == []


def test_names_are_reported_where_they_are_bound():
    source = "def told(one, _here):\n    value = one\n    for each in value:\n        print(each)\n"
    assert [(finding.line, finding.text) for finding in check_names(source)] == [
        (1, "told"),
        (1, "one"),
        (1, "_here"),
        (3, "each"),
    ]
