"""Check the language of docstrings, comments, messages, pages and documents against a list of patterns.

    python scripts/check_prose.py [--names] [FILE ...]

Without files it checks every tracked file. `--names` checks Python identifiers too. The list prevents relapse; text
that passes can still be bad. Exit status 1 if anything was found.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXCLUDED = {"scripts/check_prose.py", "tests/unit/project/test_prose.py", "LICENSE"}

PATTERNS = {
    r"stands? (before|after|there|beside|above|below|in the way|inline|twice)": "is, goes",
    r"for ever": "permanently, irreversible",
    r"(?:\A|(?<=[.;:!|]\s)|(?<=\n\n))(who|what|whose) (?!it is|is|are|does|do|did|happens)[a-z]+": (
        "start with the subject, not with a relative clause"
    ),
    r"(by|for|to) who": "name the actor",
    r"(none|true|false|zero|empty|zeros|nothing|raises? `\w+`|`\w+`|error) where": "if",
    r"where (it|there|they|this|that) (is|are|was|were|has|have|does|do|did|can|cannot|must|breaks|holds)": "if",
    r"so that": "split the sentence, or: so",
    r"(nobody|somebody|whoever|everybody|anybody|someone who)": "name the actor, or use the passive",
    r"refus(e|es|ed|al|als|ing)": "reject, rejected, error",
    r"(?<!there\s)(is|are) no (?!longer|more|less|other|further|such|one|need)\w+": "is not a",
    r"is needed, got": "expected x, got y",
    r"is to be|are to be": "must",
    r"(?-i:we|We|our|Our|ours)": "name the actor",
    r"(says|said|told|tells)": "reports, contains, states; message",
    r"speaks?": "supports",
    r"lets? (it|us|them|me)": "allows",
    r"follows? on": "is valid in state",
    r"the one way": "in canonical form",
    r"one follower is enough|not that way|not at the moment|there is nothing here": "use the standard phrase",
    r"takes? (it |this |that )?back": "undo, revert, recover",
    r"takes? turns": "is serialised, alternate",
    r"under way": "pending",
    r"gives? (it|its \w+|them) away": "name the transfer",
    r"surroundings?": "environment",
    r"there by default|by whatever name|with nothing prepared|broken off|breaks off": "use plain words",
    r"beside": "next to, with",
    r"need not|needs not": "does not have to",
    r"as to": "about",
    r"it is (who|what)": "name the subject",
}
"""Regular expressions with advice. They match whole words in any case; a space also matches a line break."""

NAMES = {
    "refusal": "error",
    "refused": "error, rejected",
    "told": "message, report",
    "said": "message, report",
    "ours": "own",
    "theirs": "the name of the other party",
    "found": "the name of the object",
    "made": "the name of the object",
    "chosen": "the name of the object",
    "each": "the name of the object",
    "one": "the name of the object",
    "here": "the name of the object",
    "place": "index, position",
    "most": "maximum",
    "least": "minimum",
    "fold": "projection, root",
    "desk": "check sheet, inspection task",
    "courier": "TransactionSender",
    "surroundings": "FeeContext",
    "look_around": "fee_context",
    "kept_state": "dev_state",
}


@dataclass(frozen=True)
class Finding:
    """A place in a file, its text, and the advice."""

    path: str
    line: int
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r} -> {self.advice}"


_COMPILED = [
    (re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])".replace(" ", r"\s+"), re.IGNORECASE), advice)
    for pattern, advice in PATTERNS.items()
]


def check_text(text: str, path: str = "", line: int = 1) -> Iterator[Finding]:
    """Yield the findings in a piece of prose that starts at `line`."""
    for pattern, advice in _COMPILED:
        for match in pattern.finditer(text):
            start = len(match[0]) - len(match[0].lstrip())
            at = line + text.count("\n", 0, match.start() + start)
            yield Finding(path, at, " ".join(match[0].split()), advice)


def check_names(source: str, path: str = "") -> Iterator[Finding]:
    """Yield the identifiers of Python source that `NAMES` lists, where they are bound."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names = [node.id]
        for name in names:
            if (advice := NAMES.get(name.strip("_").lower())) is not None:
                yield Finding(path, node.lineno, name, advice)


def prose_of(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the pieces of prose in a file, each with the number of its first line."""
    match Path(path).suffix:
        case ".py":
            yield from _python(text)
        case ".md":
            yield 1, _blank(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|<[^>\n]*>", text)
        case ".html" | ".svg" | ".xml":
            yield 1, _blank(r"<(script|style)\b.*?</\1>|<!--.*?-->|\{[{%#].*?[}%#]\}|<[^>]*>", text)
        case ".sol" | ".js" | ".css" | ".cjs":
            yield from _comments(text, r"//[^\n]*|/\*.*?\*/", r"^[ \t]*(///?|/\*+|\*+/?)|\*/")
        case ".sh" | ".toml" | ".yaml" | ".in" | "" if Path(path).name not in (".gitignore",):
            yield from _comments(text, r"(?m)(?<!\S)#[^\n]*", r"^[ \t]*#+!?")


def _python(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value
    comments: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.append((token.start[0], token.string.lstrip("#!: ")))
    yield from _joined(comments)


def _comments(text: str, comment: str, marker: str) -> Iterator[tuple[int, str]]:
    pieces = []
    for match in re.finditer(comment, text, re.DOTALL):
        first = text.count("\n", 0, match.start()) + 1
        for offset, line in enumerate(match[0].split("\n")):
            pieces.append((first + offset, re.sub(marker, "", line)))
    yield from _joined(pieces)


def _joined(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join the comments of consecutive lines."""
    piece: list[str] = []
    start = 0
    for number, text in lines:
        if piece and number != start + len(piece):
            yield start, "\n".join(piece)
            piece = []
        if not piece:
            start = number
        piece.append(text)
    if piece:
        yield start, "\n".join(piece)


def _blank(pattern: str, text: str) -> str:
    return re.sub(pattern, lambda match: "\0" + re.sub(r"[^\n]", "", match[0]), text, flags=re.DOTALL)


def check_file(path: Path, *, names: bool = False) -> list[Finding]:
    """Return the findings of one file, by line."""
    name = path.resolve().relative_to(ROOT).as_posix()
    if name in EXCLUDED:
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    findings = [finding for line, prose in prose_of(name, text) for finding in check_text(prose, name, line)]
    if names and path.suffix == ".py":
        findings += check_names(text, name)
    return sorted(findings, key=lambda finding: finding.line)


def _tracked() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("docs/figures/"):
            yield ROOT / name


def main() -> int:
    """Print every finding and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--names", action="store_true", help="check Python identifiers too")
    arguments = parser.parse_args()
    count = 0
    for path in arguments.files or _tracked():
        for finding in check_file(path, names=arguments.names):
            print(finding)
            count += 1
    print(f"{count} findings", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
