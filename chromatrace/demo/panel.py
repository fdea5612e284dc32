"""The inspection panel of the demonstration: five inspectors, each a process with its own key.

They decide the first inspection of every lot with sealed answers. One inspector is always wrong; the chain reduces its
capability with every lot.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

import orjson

from chromatrace.chain import calls, reads
from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.demo.cast import LABORATORY, MAKER, Actor, Cast
from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.evidence import Instrument
from chromatrace.domain.errors import ChromaTraceError, IntegrityError
from chromatrace.domain.rights import Role, RoundPhase, Stage
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.quality.rules import Rule
from chromatrace.services import processes
from chromatrace.services.workspace import Workspace

_ACCOUNTS = range(10, 15)
POOR = 5
"""Number of the inspector that is always wrong."""
_ACCURACIES = (1.0, 1.0, 1.0, 1.0, 0.0)
_WAIT_S = 300.0


class Panel:
    """The panel on the chain, and its processes, which `stack` ends."""

    def __init__(self, workspace: Workspace, cast: Cast, stack: ExitStack, instrument: Instrument) -> None:
        self._workspace, self._cast, self._stack = workspace, cast, stack
        self._truth = workspace.data / "truth.json"
        self._facts: dict[str, dict[str, object]] = {}
        self.number = cast.numbers[MAKER.gln]
        self.transactions: list[str] = []
        plant, registrar = cast.acting(Actor.PLANT).chain, cast.acting(Actor.REGISTRAR).chain
        rule = Rule.majority(3, maximum=5)
        set_rule = calls.set_rule(rule, first_wave=5, commit_s=600, decides_first=True)
        self.transactions.append(plant.submit(set_rule).tx)
        digest = hashlib.sha256(orjson.dumps(instrument.as_json(), option=orjson.OPT_SORT_KEYS)).digest()
        laboratory = cast.numbers[LABORATORY.gln]
        for account in _ACCOUNTS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DevKeyWarning)
                address = dev_signer(account, workspace.chain_id).address
            workspace.rpc.call("anvil_setBalance", address, hex(10**18))
            appointed = registrar.submit(calls.appoint_operator(address, laboratory, Role.INSPECTOR))
            self.transactions += [appointed.tx, plant.submit(calls.enrol_inspector(address, 1_000, digest)).tx]
        for account, accuracy in zip(_ACCOUNTS, _ACCURACIES, strict=True):
            self._start(account, accuracy)

    def _start(self, account: int, accuracy: float) -> None:
        folder = self._workspace.data / "inspectors" / str(account)
        folder.mkdir(parents=True, mode=0o700)
        words = [
            *("--dev-account", str(account)),
            *("inspection", "run", "--panel", str(self.number), "--every", "0.1"),
            *("--agent", str(accuracy), "--truth", str(self._truth)),
        ]
        command = processes.command_line(self._workspace, words, data=folder)
        self._stack.enter_context(processes.running(command, folder / "log.txt"))

    def inspect(self, evidence: InspectionEvidence, defects: int, lane: int) -> bool:
        """Hold a round about the first inspection of a lot and return whether the lot passed."""
        batch = evidence.key.batch_id
        digest = self._workspace.documents.put(evidence.to_bytes())
        self._facts[f"0x{bytes(batch).hex()}"] = {
            "state": "pass" if evidence.passed else "fail",
            "defects": defects,
            "evidence": f"0x{bytes(digest).hex()}",
        }
        draft = Path(f"{self._truth}.new")
        draft.write_bytes(orjson.dumps(self._facts))
        draft.replace(self._truth)
        chain = self._cast.acting(Actor.PLANT).chain
        first = 1 + lane % (POOR - 1)
        request = calls.RoundRequest(lane, batch, 0, Stage.FIRST, first, len(evidence.sample))
        self.transactions.append(chain.submit(calls.open_rounds([request])).tx)
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            current = chain.read(reads.round_in(lane_id(self.number, lane)))
            if current.phase is RoundPhase.DECIDED:
                return current.state == 0
            time.sleep(0.05)
        raise ChromaTraceError(
            f"the inspectors of lot {evidence.lot} did not decide within {_WAIT_S:g} s",
            field="inspectors",
            hint=f"see their logs in {self._workspace.data / 'inspectors'}",
        )

    def check(self) -> str:
        """Check that the capability of the wrong inspector fell and those of the others rose."""
        chain = self._workspace.reader
        capabilities = [chain.read(reads.inspector(self.number, number)).capability for number in range(1, POOR + 1)]
        if not capabilities[-1] < 1_000 < min(capabilities[:-1]):
            raise IntegrityError(f"capabilities are {capabilities}", field="inspectors")
        with self._workspace.index.snapshot() as snapshot:
            indexed = snapshot.panels()[0].inspectors[POOR - 1].capabilities
        if round(indexed[-1] * 10_000) != capabilities[-1]:
            raise IntegrityError(f"the index has {indexed[-1]}, the chain {capabilities[-1]}", field="inspectors")
        return (
            f"{len(self._facts)} rounds decided; the poor inspector fell from 0.10 to {capabilities[-1] / 10_000:.2f}"
        )
