"""What the demonstration checks of itself, each from outside: over HTTP, from files, against the chain."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chromatrace.chain import reads
from chromatrace.demo.cast import FRANCHISEE, MAKER
from chromatrace.demo.goods import Printed
from chromatrace.demo.line import CHANNEL
from chromatrace.demo.story import Story
from chromatrace.domain.errors import ChromaTraceError, IntegrityError
from chromatrace.domain.rights import BatchState
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.verifier import verify
from chromatrace.identity.scan import read_link
from chromatrace.services.reading_proofs import check_channel
from chromatrace.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Result:
    """One check: what it found, or why it failed."""

    name: str
    held: bool
    message: str


def run(workspace: Workspace, story: Story, printed: Printed) -> list[Result]:
    """Every check, while the portal answers."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("readings", lambda: _readings(workspace, story)),
        ("states", lambda: _states(workspace, story)),
        ("consensus", story.panel.check),
        ("routes", lambda: routes(workspace, story)),
        ("times", lambda: times(workspace, story)),
        ("codes", lambda: _codes(printed)),
        ("pages", lambda: _pages(story, printed)),
        ("bundles", lambda: _bundles(workspace, printed)),
    ]
    return [checked(name, check) for name, check in checks]


def checked(name: str, check: Callable[[], str]) -> Result:
    """The result of one check."""
    try:
        return Result(name, True, check())
    except ChromaTraceError as refusal:
        return Result(name, False, str(refusal))


def _readings(workspace: Workspace, story: Story) -> str:
    found = check_channel(workspace, CHANNEL, story.cast.numbers[MAKER.gln])
    if not found["verified"]:
        raise IntegrityError(f"only {found['under_a_root_on_the_chain']} of {found['readings']} lie under a root")
    return f"all {found['readings']:,} readings lie under roots on the chain"


def _states(workspace: Workspace, story: Story) -> str:
    wanted = {
        "A": (BatchState.RELEASED, False, FRANCHISEE),
        "B": (BatchState.GRADED if story.tamper else BatchState.RELEASED, False, MAKER),
        "C": (BatchState.RECYCLED, False, MAKER),
        "D": (BatchState.RELEASED, True, FRANCHISEE),
    }
    for letter, (state, recalled, holder) in wanted.items():
        stored = workspace.reader.read(reads.batch(story.keys[letter].batch_id))
        found = (stored.state, stored.recalled, stored.custodian)
        if found != (state, recalled, story.cast.numbers[holder.gln]):
            raise IntegrityError(f"lot {story.keys[letter].lot} is {found}", field=letter)
    return "every lot is where its story ends"


def routes(workspace: Workspace, story: Story) -> str:
    """Whether each lot's route is proven where its story has it so, and every fault was caught by everyone it met."""
    for guard in story.guards:
        if guard.message is None:
            raise IntegrityError(f"{story.fault}: it got through", field=guard.name)
    proven = {}
    for letter, trace in story.route.traces.items():
        proven[letter] = workspace.reader.read(reads.route_is_proven(story.route.design.route, trace.subject))
    ends = {"A": True, "B": story.tamper is None, "C": False, "D": True}
    wanted = {letter: ends[letter] for letter in proven}
    if proven != wanted:
        raise IntegrityError(f"proven on chain: {proven}, wanted {wanted}", field="route")
    steps = len(story.route.design)
    if story.tamper is not None:
        return f"{story.fault}: caught by {', '.join(guard.name for guard in story.guards)}"
    return f"{sum(proven.values())} lots passed {steps} stations in the designed order, proven on chain"


def times(workspace: Workspace, story: Story) -> str:
    """Whether a lot was coated, registered and inspected in that order, and its stations signed one after another."""
    for letter, key in story.keys.items():
        with workspace.index.snapshot() as snapshot:
            view = snapshot.batch(key.batch_id)
            if view is None:
                raise IntegrityError(f"lot {key.lot} is not in the index", field=letter)
            inspected = sorted(snapshot.inspections(key.batch_id), key=lambda item: item.stage)
        life = [int(story.runs[letter].ended.timestamp()), view.registered.block_time]
        for document, verdict in zip(story.found[letter], inspected, strict=True):
            examined = int(datetime.fromisoformat(document.evidence.inspected_at).timestamp())
            life += [examined, verdict.inspected_at, verdict.recorded.block_time]
        signed = [step.record.completed_at for step in story.route.traces[letter].steps if step.record]
        if life != sorted(life) or signed != sorted(signed):
            raise IntegrityError(
                f"the times of lot {key.lot} are out of order: {life}, stations {signed}", field=letter
            )
    return "every lot's times stand in the order of its story"


def _codes(printed: Printed) -> str:
    for path, uri in zip(printed.codes, [*printed.unit_uris, *printed.uris.values()], strict=True):
        read = read_link(path.read_bytes()).uri
        if read != uri:
            raise IntegrityError(f"{path} reads {read}, not {uri}", field="code")
    return f"{len(printed.codes)} minted codes read back"


def _pages(story: Story, printed: Printed) -> str:
    wanted = {
        printed.unit_uris[0]: [
            *("000042", "optical modulation", "proven in order", "inspectors selected by the contract"),
        ],
        printed.uris["C"]: ["recycled"],
        printed.uris["D"]: ["recalled"],
        printed.uris["A"].replace(str(story.keys["A"].lot), "NO-SUCH-LOT"): ["unknown"],
    }
    for uri, texts in wanted.items():
        page = _fetch(uri).lower()
        missing = [text for text in texts if text.lower() not in page]
        if missing or "genuine" in page:
            raise IntegrityError(f"the page {uri} does not say {missing or 'only what is proven'}", field="page")
    return f"{len(wanted)} pages say what they should"


def _fetch(uri: str) -> str:
    try:
        with urllib.request.urlopen(uri, timeout=30) as answer:  # noqa: S310 - our own portal
            return str(answer.read().decode("utf-8"))
    except urllib.error.HTTPError as error:
        return error.read().decode("utf-8")
    except OSError as error:
        raise IntegrityError(f"the portal does not answer at {uri}: {error}", field="page") from error


def _bundles(workspace: Workspace, printed: Printed) -> str:
    contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in workspace.manifest.contracts.items()}
    for path in printed.bundles.values():
        parsed = Bundle.from_bytes(path.read_bytes())
        number = max(cited.block for cited in (parsed.state, *parsed.receipts) if cited is not None)
        block = workspace.rpc.call("eth_getBlockByNumber", hex(number), False)
        result = verify(parsed, [bytes.fromhex(block["hash"][2:])], contracts, workspace.chain_id)
        if result.failures:
            raise IntegrityError(f"{path.name}: {result.failures[0].text}", field="bundle")
    return f"{len(printed.bundles)} proof bundles hold against one block hash each"
