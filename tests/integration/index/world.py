"""A small consortium on the real contracts that emits every kind of event, in random but reproducible order.

The development node signs the transactions. Some acts are invalid: the contracts revert, and no event is emitted.
"""

from __future__ import annotations

import random
import warnings
from copy import copy

from route_line import PLANT, Line, station

from chromatrace.chain.calls import set_rule
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.crypto.route import Component, Profile, RouteKind, components_of, key_words, proof_of, signature_words
from chromatrace.crypto.sealed_answer import SealedAnswer, lane_id, sign_commitment
from chromatrace.crypto.step import Verifier
from chromatrace.domain.identifiers import BatchKey, CompanyPrefix, Gln, Gtin, check_digit
from chromatrace.domain.ledger_entries import DepartmentRight, LedgerEntry, kind_hash, pack, record_id, subject_id
from chromatrace.domain.rights import BatchState, HoldKind, OrganisationKind, Role, SalesChannel, Stage, Verdict
from chromatrace.ethereum.abi import contract
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.quality.rules import Rule

FOREVER = 2**64 - 1
REGISTRAR, MAKER, SUPPLIER, LABORATORY, SHOP, AUTHORITY = range(6)
_GTINS = [Gtin(body + check_digit(body)) for body in (f"0952123400{number:03d}" for number in range(3))]
GTINS = {MAKER: _GTINS[:2], SUPPLIER: _GTINS[2:]}
"""Products of the maker and of the supplier."""
PANEL_ACCOUNTS = (6, 7, 8)
"""The maker's inspectors; their numbers in its panel are 1, 2, 3."""


def gln(number):
    """Return a synthetic location number."""
    body = f"952000{number:06d}"
    return Gln(body + check_digit(body))


class World:
    """A deployment and a consortium. `organisations`: ids of maker, supplier, laboratory, shop and authority."""

    def __init__(self, rpc, manifest, seed=0):
        self.rpc, self.manifest = rpc, manifest
        self.random = random.Random(seed)
        self.accounts = rpc.call("eth_accounts")
        self.batches = []
        self.sizes = 0
        self.channels = []
        self.released = []
        self.departments = []
        self.lanes = 0
        self.round_weight = 0
        """Weight of panel rounds among the acts. A round takes many blocks, which limits the depth of rollbacks."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            self.inspector = dev_signer(LABORATORY, manifest.chain_id)
            self.panel = [dev_signer(account, manifest.chain_id) for account in PANEL_ACCOUNTS]

    def snapshot(self):
        """Return what the object knows about the chain, for `restore` after the chain is reverted."""
        names = ("batches", "sizes", "channels", "released", "departments", "lanes", "round_weight")
        return {name: copy(getattr(self, name)) for name in names}

    def restore(self, snapshot):
        """Restore a snapshot."""
        vars(self).update(snapshot)

    def send(self, account, name, function, *args, wait=True):
        """Send a transaction, and return whether it succeeded (None without `wait`)."""
        fields = {
            "from": self.accounts[account],
            "to": self.manifest.address(name),
            "data": "0x" + contract(name).encode_call(function, *args).hex(),
            "gas": hex(2_000_000),
        }
        tx_hash = self.rpc.call("eth_sendTransaction", fields)
        while wait:
            # Anvil responds before the block is complete.
            receipt = self.rpc.call("eth_getTransactionReceipt", tx_hash)
            if receipt is not None:
                return receipt["status"] == "0x1"
        return None

    def read(self, name, function, *args):
        """Call a view function."""
        abi = contract(name)
        fields = {"to": self.manifest.address(name), "data": "0x" + abi.encode_call(function, *args).hex()}
        data = bytes.fromhex(self.rpc.call("eth_call", fields, "latest")[2:])
        values = tuple(abi.function(function).outputs.decode_named(data).values())
        return values[0] if len(values) == 1 else values

    def now(self):
        """Return the chain's time in Unix seconds."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def register_organisations(self):
        """Register the organisations, with one operator account each."""
        kinds = [
            OrganisationKind.MANUFACTURER,
            OrganisationKind.SUPPLIER,
            OrganisationKind.LABORATORY,
            OrganisationKind.FRANCHISEE,
            OrganisationKind.AUTHORITY,
        ]
        roles = int(sum(Role))
        first = self.read("Consortium", "organisationCount") + 1
        for index, kind in enumerate(kinds):
            name, number = f"Example {kind.name.title()} {index}", first + index
            organisation = kind, int(gln(number)), roles, FOREVER, name
            assert self.send(REGISTRAR, "Consortium", "registerOrganisation", *organisation)
            operator = self.accounts[index + 1], number, roles, FOREVER
            assert self.send(REGISTRAR, "Consortium", "appointOperator", *operator)
        self.organisations = list(range(first, first + len(kinds)))
        for account in (MAKER, SUPPLIER):
            for gtin in GTINS[account]:
                prefix = CompanyPrefix.of_item(gtin)
                organisation = self.organisations[account - 1]
                assert self.send(REGISTRAR, "Consortium", "license", organisation, int(prefix), prefix.digits)
            body = self.organisations[LABORATORY - 1]
            assert self.send(account, "InspectionLedger", "accredit", body, [0], 3, FOREVER)
        for name in ("Example purchasing", "Example tooling"):
            assert self.send(MAKER, "ProcessLedger", "openDepartment", name)
            department = self.read("ProcessLedger", "departmentIdOf", first, name)
            assert self.send(MAKER, "ProcessLedger", "setMember", department, self.accounts[MAKER], 3)
            self.departments.append(department)
        rule = Rule.majority(2, maximum=3)
        assert self.send(MAKER, "QualityConsensus", "setRule", *set_rule(rule, first_wave=3, commit_s=300).args)
        for signer in self.panel:
            inspector = signer.address, first, int(Role.INSPECTOR), FOREVER
            assert self.send(REGISTRAR, "Consortium", "appointOperator", *inspector)
            assert self.send(MAKER, "QualityConsensus", "enrol", signer.address, 1_000, bytes(32))
        return self

    # -- single acts

    def register(self, account=MAKER, inputs=(), quantity=None, many=1):
        """Register batches, and return the first identifier. Inputs: batches (one unit) or pairs (batch, units)."""
        registrations, keys = [], []
        for _ in range(many):
            keys.append(BatchKey.parse(str(self.random.choice(GTINS[account])), f"L{self.random.getrandbits(40):010X}"))
            digest = self.random.randbytes(32)
            registrations.append(
                (
                    int(keys[-1].gtin),
                    str(keys[-1].lot),
                    quantity or self.random.randint(1, 500),
                    self.random.choice([bytes(32), digest]),
                    digest,
                    bytes(32),
                    [used if isinstance(used, tuple) else (used, 1) for used in inputs],
                )
            )
        if self.send(account, "BatchRegistry", "registerMany", registrations):
            self.batches += [key.batch_id for key in keys]
        return keys[0].batch_id

    def inspect(self, batch, stage=Stage.FIRST, verdict=Verdict.PASS, sample=None):
        """Record a signed inspection with the correct revision."""
        stored = self.read("BatchRegistry", "batch", batch)
        revision = 1 + stored["firstRevision" if stage is Stage.FIRST else "finalRevision"]
        inspection = Inspection(
            batch=batch,
            stage=stage,
            verdict=verdict,
            revision=min(revision, 255),
            sample_size=sample or stored["quantity"] or 1,
            defects=0 if verdict is Verdict.PASS else 1,
            instrument=self.random.randbytes(32),
            evidence=self.random.randbytes(32),
            inspected_at=self.now(),
            inspector=self.inspector.address,
            nonce=self.random.getrandbits(191) << 64,
            deadline=FOREVER,
        )
        ledger = self.manifest.address("InspectionLedger")
        signature = sign_inspection(inspection, self.inspector, self.manifest.chain_id, ledger)
        return self.send(SHOP, "InspectionLedger", "record", inspection.as_struct(), signature)

    def release(self, account=MAKER, inputs=()):
        """Inspect a new batch twice, release it to both sales channels, and return its identifier."""
        batch = self.register(account, inputs, quantity=10)
        assert self.inspect(batch)
        assert self.send(account, "BatchRegistry", "assemble", batch)
        assert self.inspect(batch, Stage.FINAL)
        assert self.send(account, "BatchRegistry", "grade", batch, 7, 2, 1)
        for channel in SalesChannel:
            assert self.send(account, "BatchRegistry", "release", batch, channel)
        return batch

    # -- records and rounds

    def record(self):
        """Append a chain of records about a random product, or change a member's rights."""
        rng, department = self.random, self.random.choice(self.departments)
        if rng.random() < 0.2:
            member, rights = self.accounts[9], rng.choice([DepartmentRight(0), DepartmentRight.READ])
            return self.send(MAKER, "ProcessLedger", "setMember", department, member, int(rights))
        subject, entries = subject_id(f"P-{rng.randrange(5)}"), []
        for _ in range(rng.randint(1, 4)):
            before = entries[-1].record if entries else None
            record = record_id("example", f"{rng.getrandbits(64):x}")
            entries.append(LedgerEntry(record, subject, before, rng.randbytes(32)))
        return self.send(MAKER, "ProcessLedger", "appendRecords", department, kind_hash("example/1"), pack(entries))

    def run_round(self, subject):
        """Run a round of the maker's panel about a subject, and return whether it was decided."""
        contract, panel = "QualityConsensus", self.organisations[0]
        self.lanes += 1
        lane = lane_id(panel, self.lanes)
        if not self.send(MAKER, contract, "open", [(self.lanes, subject, 1, 0, 0, 1)]):
            return False
        for _ in range(self.read(contract, "drawDelay")):
            self.rpc.call("evm_mine")
        if not self.send(MAKER, contract, "draw", [lane]):
            self._close_lanes()
            return False
        round_id, _, seats = self.read(contract, "round", lane)
        commitments, answers = [], []
        for index, seat in enumerate(seats):
            signer = self.panel[seat["inspector"] - 1]
            answer = SealedAnswer(self.random.randrange(2), 0, self.random.randbytes(32), self.random.randbytes(32))
            digest = answer.digest(round_id, signer.address)
            target = self.manifest.chain_id, self.manifest.address(contract)
            commitments.append((index, digest, *sign_commitment(signer, round_id, index, digest, *target)))
            answers.append((index, answer.state, answer.defects, answer.evidence, answer.salt))
        assert self.send(MAKER, contract, "commit", [(lane, commitments)])
        for part in (answers[:1], answers[1:]):
            assert self.send(MAKER, contract, "reveal", [(lane, part)])
        return True

    def _close_lanes(self):
        """Close rounds that a reorganisation left without their answers, which frees their inspectors."""
        self.rpc.call("evm_increaseTime", 1_000)
        for number in range(1, self.lanes + 1):
            self.send(MAKER, "QualityConsensus", "close", lane_id(self.organisations[0], number))

    # -- routes

    def design(self, steps=2, kind=RouteKind.PROCESSING):
        """Design a route of the maker, registering new stations."""
        assert self.organisations[0] == PLANT
        verifier = Verifier(self.manifest.chain_id, self.manifest.address("RouteVerifier"))
        line = Line.of(steps, Profile.EVM, verifier, f"route {self.random.getrandbits(40):010x}", kind)
        stations = line.design.stations
        for name, station_ in zip(line.names, stations, strict=True):
            if not self.read("RouteVerifier", "stationKey", station_.key_id)["owner"]:
                words = key_words(station_.key), signature_words(station_.possession)
                assert self.send(MAKER, "RouteVerifier", "registerStationKey", name, *words)
        keys, processes = [known.key_id for known in stations], [known.process for known in stations]
        assert self.send(MAKER, "RouteVerifier", "designRoute", line.design.name, kind, True, keys, processes)
        return line

    def prove(self, line, subject, parts=()):
        """Prove a route with the signatures of all stations; `parts`: (route, subject) of proven components."""
        trace = line.trace(bytes(subject), [Component(*part) for part in parts])
        proof, messages = proof_of(line.design, trace)
        if parts:
            rest = (messages, components_of(trace))
            return self.send(MAKER, "RouteVerifier", "proveAssembly", line.design.route, proof, *rest)
        return self.send(MAKER, "RouteVerifier", "proveRoute", line.design.route, proof, messages)

    def revoke(self, name):
        """Revoke a station's key from a time in the far future, earlier at each call."""
        moment = FOREVER - int(self.rpc.call("eth_blockNumber"), 16)
        key = station(name, Verifier(self.manifest.chain_id, self.manifest.address("RouteVerifier"))).key_id
        return self.send(MAKER, "RouteVerifier", "revokeStationKey", key, moment)

    # -- random acts

    def act_randomly(self, count):
        """Perform random acts, some of them invalid."""
        for _ in range(count):
            self.act()

    def act(self):
        """Perform one random act."""
        rng = self.random
        batch = rng.choice(self.batches[-15:]) if self.batches else self.register()
        acts = {
            "register": 3,
            "advance": 8,
            "inspect": 1,
            "supervise": 1,
            "custody": 3,
            "anchor": 1,
            "rights": 1,
            "policy": 1,
            "record": 2,
            "round": self.round_weight,
        }
        match rng.choices(list(acts), list(acts.values()))[0]:
            case "register":
                account = rng.choice([MAKER, MAKER, SUPPLIER])
                recent = self.batches[-15:]
                inputs = [used for used in recent if rng.random() < 0.3 and self._usable(used, account)]
                self.register(account, inputs, many=rng.randint(1, 3))
            case "advance":
                self._advance(batch)
            case "inspect":
                self.inspect(batch, rng.choice(list(Stage)), rng.choice([Verdict.PASS, Verdict.FAIL]))
            case "supervise":
                act = rng.choice(["hold", "releaseHold", "releaseHold", "recall"])
                kind = [rng.choice([HoldKind.AUTHORITY, *HoldKind])] if act == "releaseHold" else []
                self.send(AUTHORITY, "BatchRegistry", act, batch, *kind, rng.choice(["", "glass", "nul\0 Grüße"]))
            case "custody":
                self._custody(rng.choice(self.released or [batch]))
            case "anchor":
                self._anchor()
            case "rights":
                self._change_rights()
            case "record":
                self.record()
            case "round":
                self.run_round(batch)
            case "policy":
                units, alone = rng.randrange(200), rng.random() < 0.5
                self.send(REGISTRAR, "InspectionLedger", "setPolicy", rng.choice(list(Stage)), units, alone)

    def _usable(self, batch, account):
        stored = self.read("BatchRegistry", "batch", batch)
        bad = (BatchState.UNKNOWN, BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED)
        free = not (stored["recalled"] or stored["holds"]) and stored["state"] not in bad
        return free and stored["custodian"] == self.organisations[account - 1]

    def _operator_of(self, organisation):
        return self.organisations.index(organisation) + 1 if organisation in self.organisations else MAKER

    def _advance(self, batch):
        """Move a batch to the next state of its life cycle."""
        stored = self.read("BatchRegistry", "batch", batch)
        account = self._operator_of(stored["producer"])
        quantity = stored["quantity"]
        match BatchState(stored["state"]):
            case BatchState.REGISTERED:
                self.inspect(batch)
            case BatchState.STOPPED:
                self.send(account, "BatchRegistry", "recycle", batch)
            case BatchState.FIRST_PASSED:
                self.send(account, "BatchRegistry", "assemble", batch)
            case BatchState.ASSEMBLED if stored["finalVerdict"]:
                scrap = self.random.choice([0, quantity, quantity // 2])
                self.send(account, "BatchRegistry", "grade", batch, quantity - scrap, 0, scrap)
            case BatchState.ASSEMBLED:
                self.inspect(batch, Stage.FINAL)
            case BatchState.GRADED | BatchState.RELEASED:
                if self.send(account, "BatchRegistry", "release", batch, self.random.choice(list(SalesChannel))):
                    self.released.append(batch)

    def _custody(self, batch):
        stored = self.read("CustodyLedger", "offerOf", batch)
        if not stored["to"]:
            account = self._operator_of(self.read("BatchRegistry", "batch", batch)["custodian"])
            validity = self.random.choice([FOREVER, self.now() + 2])
            self.send(account, "CustodyLedger", "offer", batch, self.random.choice(self.organisations), validity)
            return
        act = self.random.choice(["accept", "accept", "reject", "withdraw", "offer"])
        account = self._operator_of(stored["to" if act in ("accept", "reject") else "from"])
        rest = {"reject": ("no room",), "offer": (self.organisations[3], FOREVER)}.get(act, ())
        self.send(account, "CustodyLedger", act, batch, *rest)

    def _anchor(self):
        if not self.channels or self.random.random() < 0.2:
            name = f"line {self.random.getrandbits(32):08x}"
            self.send(MAKER, "ProcessLedger", "openChannel", name)
            self.channels.append(self.read("ProcessLedger", "channelIdOf", self.organisations[0], name))
            return
        self.sizes += self.random.randint(1, 1000)
        times = sorted(self.random.getrandbits(64) for _ in range(2))
        root = self.random.randbytes(32)
        self.send(MAKER, "ProcessLedger", "anchor", self.random.choice(self.channels), self.sizes, root, *times)

    def _change_rights(self):
        rng = self.random
        match rng.randrange(4):
            case 0:
                lines = [int(line) for line in rng.sample(_GTINS, 2)] + [0]
                reader, scopes = rng.choice(self.organisations[1:]), rng.randrange(32)
                self.send(MAKER, "Consortium", "grantReadScopes", reader, lines, scopes, FOREVER)
            case 1:
                account = self.accounts[9]
                if rng.random() < 0.5:
                    self.send(REGISTRAR, "Consortium", "dismissOperator", account)
                else:
                    to, until = rng.choice(self.organisations), self.now() + rng.randrange(10_000)
                    self.send(REGISTRAR, "Consortium", "appointOperator", account, to, rng.randrange(128), until)
            case 2:
                number = self.organisations[4]
                self.send(REGISTRAR, "Consortium", "suspendOrganisation", number)
                if rng.random() < 0.8:
                    self.send(REGISTRAR, "Consortium", "reinstateOrganisation", number)
            case 3:
                self.send(REGISTRAR, "Consortium", "changeOrganisation", self.organisations[2], 127, FOREVER)
