"""The checks of the demonstration: over HTTP, from files, and against the chain."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chromatrace.chain import reads
from chromatrace.demo.attack import competitors_fail
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
    """The result of a check; `message` describes the check or the reason for the failure."""

    name: str
    held: bool
    message: str


def run(workspace: Workspace, story: Story, printed: Printed) -> list[Result]:
    """Run every check; the portal must be running."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("readings", lambda: _readings(workspace, story)),
        ("states", lambda: _states(workspace, story)),
        ("consensus", story.panel.check),
        ("attack", lambda: competitors_fail(story.cast, story.keys["A"])),
        ("routes", lambda: routes(workspace, story)),
        ("times", lambda: times(workspace, story)),
        ("codes", lambda: _codes(printed)),
        ("pages", lambda: _pages(story, printed)),
        ("bundles", lambda: _bundles(workspace, printed)),
    ]
    return [checked(name, check) for name, check in checks]


def checked(name: str, check: Callable[[], str]) -> Result:
    """Run one check."""
    try:
        return Result(name, True, check())
    except ChromaTraceError as error:
        return Result(name, False, str(error))


def _readings(workspace: Workspace, story: Story) -> str:
    report = check_channel(workspace, CHANNEL, story.cast.numbers[MAKER.gln])
    if not report["verified"]:
        raise IntegrityError(f"{report['under_a_root_on_the_chain']} of {report['readings']} readings are anchored")
    return f"all {report['readings']:,} readings are anchored on the chain"


def _states(workspace: Workspace, story: Story) -> str:
    expected = {
        "A": (BatchState.RELEASED, False, FRANCHISEE),
        "B": (BatchState.GRADED if story.tamper else BatchState.RELEASED, False, MAKER),
        "C": (BatchState.RECYCLED, False, MAKER),
        "D": (BatchState.RELEASED, True, FRANCHISEE),
    }
    for letter, (state, recalled, holder) in expected.items():
        stored = workspace.reader.read(reads.batch(story.keys[letter].batch_id))
        actual = (stored.state, stored.recalled, stored.custodian)
        if actual != (state, recalled, story.cast.numbers[holder.gln]):
            raise IntegrityError(f"state of lot {story.keys[letter].lot} is {actual}", field=letter)
    return "every lot has the expected state and custodian"


def routes(workspace: Workspace, story: Story) -> str:
    """Check that the expected routes are proven and that every guard rejected the fault."""
    for guard in story.guards:
        if guard.message is None:
            raise IntegrityError(f"accepted the fault: {story.fault}", field=guard.name)
    proven = {}
    for letter, trace in story.route.traces.items():
        proven[letter] = workspace.reader.read(reads.route_is_proven(story.route.design.route, trace.subject))
    outcomes = {"A": True, "B": story.tamper is None, "C": False, "D": True}
    expected = {letter: outcomes[letter] for letter in proven}
    if proven != expected:
        raise IntegrityError(f"routes proven on the chain: {proven}; expected {expected}", field="route")
    steps = len(story.route.design)
    if story.tamper is not None:
        return f"{story.fault}: rejected by {', '.join(guard.name for guard in story.guards)}"
    return f"{sum(proven.values())} lots passed {steps} stations in the designed order, proven on the chain"


def times(workspace: Workspace, story: Story) -> str:
    """Check that each lot was coated, registered and inspected in this order, and its stations signed in order."""
    for letter, key in story.keys.items():
        with workspace.index.snapshot() as snapshot:
            view = snapshot.batch(key.batch_id)
            if view is None:
                raise IntegrityError(f"lot {key.lot} is not in the index", field=letter)
            verdicts = sorted(snapshot.inspections(key.batch_id), key=lambda item: item.stage)
        dates = [int(story.runs[letter].ended.timestamp()), view.registered.block_time]
        for document, verdict in zip(story.inspections[letter], verdicts, strict=True):
            examined = int(datetime.fromisoformat(document.evidence.inspected_at).timestamp())
            dates += [examined, verdict.inspected_at, verdict.recorded.block_time]
        signed = [step.record.completed_at for step in story.route.traces[letter].steps if step.record]
        if dates != sorted(dates) or signed != sorted(signed):
            raise IntegrityError(
                f"the times of lot {key.lot} are out of order: {dates}, stations {signed}", field=letter
            )
    return "the times of every lot are in order"


def _codes(printed: Printed) -> str:
    for path, uri in zip(printed.codes, [*printed.unit_uris, *printed.uris.values()], strict=True):
        read = read_link(path.read_bytes()).uri
        if read != uri:
            raise IntegrityError(f"{path} contains {read}; expected {uri}", field="code")
    return f"{len(printed.codes)} QR codes read back"


def _pages(story: Story, printed: Printed) -> str:
    expected = {
        printed.unit_uris[0]: [
            "000042",
            "optical modulation",
            "proven in order",
            "inspectors selected by the contract",
        ],
        printed.uris["C"]: ["recycled"],
        printed.uris["D"]: ["recalled"],
        printed.uris["A"].replace(str(story.keys["A"].lot), "NO-SUCH-LOT"): ["unknown"],
    }
    for uri, texts in expected.items():
        page = _fetch(uri).lower()
        missing = [text for text in texts if text.lower() not in page]
        if missing or "genuine" in page:
            raise IntegrityError(f"page {uri}: missing {missing}, or it contains 'genuine'", field="page")
    return f"{len(expected)} pages have the expected content"


def _fetch(uri: str) -> str:
    try:
        with urllib.request.urlopen(uri, timeout=30) as response:  # noqa: S310 - the demonstration's own portal
            return str(response.read().decode("utf-8"))
    except urllib.error.HTTPError as error:
        return error.read().decode("utf-8")
    except OSError as error:
        raise IntegrityError(f"the portal does not respond at {uri}: {error}", field="page") from error


def _bundles(workspace: Workspace, printed: Printed) -> str:
    contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in workspace.manifest.contracts.items()}
    for path in printed.bundles.values():
        bundle = Bundle.from_bytes(path.read_bytes())
        number = max(cited.block for cited in (bundle.state, *bundle.receipts) if cited is not None)
        block = workspace.rpc.call("eth_getBlockByNumber", hex(number), False)
        result = verify(bundle, [bytes.fromhex(block["hash"][2:])], contracts, workspace.chain_id)
        if result.failures:
            raise IntegrityError(f"{path.name}: {result.failures[0].text}", field="bundle")
    return f"{len(printed.bundles)} proof bundles are valid, each against one block hash"
