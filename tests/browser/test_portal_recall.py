"""Recalls from the console, on a real chain."""

from __future__ import annotations

import json
import re
import shlex
import time
import warnings
from dataclasses import dataclass
from html import unescape

import pytest
from click.testing import CliRunner
from dev_chain import wait_until_mined
from portal_client import log_in_by_wallet
from portal_world import GTIN, MAKER, PASSWORD, REGISTRAR, _gln, _inspect, _register
from querying import query
from relations import own_items
from sqlalchemy import create_engine, text

import app.accounts
from app import create_app
from app.store import PortalDatabase
from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.cli import main
from chromatrace.domain.genealogy import Input
from chromatrace.domain.rights import OrganisationKind, Role, SalesChannel, Stage, Verdict
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

REASON = "Edge seals of this batch may leak."
SUPERVISOR, OTHER_SUPERVISOR, WITHOUT_ROLE = "boss@example-glass", "boss@example-frames", "admin@example-glass"
FRAMES = 6


@dataclass
class Shop:
    """The consortium with another manufacturer and three accounts."""

    world: object
    frames: Chain
    app: object

    def register(self, origin, *lots, chain=None, of=None, followed=False):
        """Register `origin` if necessary, and `lots` made of it or, with `of`, of each other. Return the recall path.

        followed  wait for a running follower instead of updating the index
        """
        chain = chain or self.world.chains[MAKER]
        registrar, organisations = self.world.chains[REGISTRAR], self.world.organisations
        if not query(self.world.index).batch(self.world.key(origin).batch_id):
            own_items(registrar, organisations["maker"], [self.world.key(origin).gtin])
            _register(self.world, origin, bytes(32))
        producer = "maker" if chain is self.world.chains[MAKER] else "frames"
        own_items(registrar, organisations[producer], [self.world.key(origin).gtin])
        for index, lot in enumerate(lots):
            parents = (of or {}).get(lot, (origin,))
            inputs = tuple(Input(self.world.key(parent).batch_id, 20) for parent in parents)
            digest = bytes([index + 1]) * 32
            chain.submit(calls.register_batch(calls.Registration(self.world.key(lot), 30, digest, inputs=inputs)))
        if followed:
            deadline = time.monotonic() + 120
            while not query(self.world.index).batch(self.world.key(lots[-1]).batch_id):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        else:
            self.world.sync()
        return f"/console/recall/{self.world.key(origin).batch_id.hex()}"

    def client(self, account):
        client = self.app.test_client()
        token = _token(client.get("/login").text)
        client.post("/login", data={"name": account, "password": PASSWORD, "csrf_token": token})
        return client

    def recalled(self, *lots):
        """Return whether each lot is recalled on the chain."""
        if (rpc := self.world.node.rpc()).call("anvil_getAutomine"):
            wait_until_mined(rpc)
        read = self.world.chains[MAKER].read
        return [read(reads.batch(self.world.key(lot).batch_id)).recalled for lot in lots]


def _token(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)


def send(client, path, **changes):
    """Submit the form of the page."""
    page = client.get(path).text
    shown = re.search(r'name="shown" value="([^"]+)"', page)
    form = {"reason": REASON, "password": PASSWORD, "confirmed": "yes", "csrf_token": _token(page)}
    form |= {"shown": shown.group(1)} if shown else {}
    return client.post(path, data={name: value for name, value in (form | changes).items() if value is not None})


def states(client, path):
    return {batch["lot"]: batch["state"] for batch in client.get(f"{path}?format=json").json["batches"]}


@pytest.fixture(scope="module")
def shop(world):
    roles = Role(sum(Role))
    world.submit(
        REGISTRAR, calls.register_organisation(OrganisationKind.MANUFACTURER, _gln(5), roles, "Example Frames")
    )
    number = world.chains[REGISTRAR].read(reads.organisation_count())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        signer = dev_signer(FRAMES, world.node.chain_id)
    frames = Chain(world.node.rpc(), world.manifest, Outbox(world.folder / "outbox-frames.db"), signer)
    world.submit(REGISTRAR, calls.appoint_operator(frames.sender, number, roles))
    store = PortalDatabase(f"sqlite:///{world.folder / 'portal.db'}")
    for name, organisation, held in (
        (SUPERVISOR, world.organisations["maker"], Role.SUPERVISOR),
        (OTHER_SUPERVISOR, number, Role.SUPERVISOR),
        (WITHOUT_ROLE, world.organisations["maker"], Role.ADMIN),
    ):
        account = app.accounts.create_account(store, world.folder / "keys", name, PASSWORD, demonstration=True)
        world.submit(REGISTRAR, calls.appoint_operator(account.address, organisation, held))
        world.node.rpc().call("anvil_setBalance", account.address, hex(10**18))
    store.close()
    world.organisations["frames"] = number
    limits = {"login_limit": "1000 per minute", "account_limit": "1000 per minute"}
    yield Shop(world, frames, create_app(world.config("http://recall.example", **limits), world.spool))
    frames.outbox.close()


def test_recall_requires_supervisor(shop):
    path = shop.register("R1")
    impact = path.replace("recall", "impact")
    assert path in shop.client(SUPERVISOR).get(impact).text
    without = shop.client(WITHOUT_ROLE)
    assert path not in without.get(impact).text
    assert without.get(path).status_code == 403
    assert without.post(path, data={"csrf_token": _token(without.get("/partners/").text)}).status_code == 403
    assert shop.app.test_client().get(path).status_code == 303
    assert shop.recalled("R1") == [False]


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"csrf_token": None}, 400, "has expired"),
        ({"confirmed": None}, 400, "is not confirmed"),
        ({"reason": " a "}, 400, "expected 3 to 200"),
        ({"reason": "x" * 201}, 400, "expected 3 to 200"),
        ({"password": "wrong wrong wrong"}, 401, "Wrong password. Nothing was sent"),
        ({"shown": "0" * 32}, 409, "The batches to recall have changed"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_unconfirmed_recall_sends_nothing(shop, changes, status, message):
    path = shop.register("R1")
    client = shop.client(SUPERVISOR)
    answer = send(client, path, **changes)
    assert (answer.status_code, message in answer.text) == (status, True)
    assert states(client, path) == {"R1": "open"}
    assert shop.recalled("R1") == [False]


def test_unregistered_batch_is_not_found(shop):
    client = shop.client(SUPERVISOR)
    assert [client.get(f"/console/recall/{text}").status_code for text in ("11" * 32, "x")] == [404, 404]


def test_batch_and_descendants_are_recalled_in_order(shop):
    """`R2C` is made of `R2B`, and `R2D` of the batch itself."""
    path = shop.register("R2", "R2B", "R2C", "R2D", of={"R2C": ("R2B",)})
    client = shop.client(SUPERVISOR)
    page = client.get(path).text
    assert "irreversible recall of 4 batches at 1 holder." in page
    assert "290 units, held by 1 organisation: Example Glass" in page
    assert send(client, path).status_code == 303
    assert shop.recalled("R2", "R2B", "R2C", "R2D") == [True] * 4
    assert set(states(client, path).values()) == {"pending"}
    assert "4 recalls</p>" in client.get("/partners/").text
    again = send(client, path)
    assert (again.status_code, "no more batches for you to recall" in again.text) == (409, True)
    shop.world.sync()
    assert states(client, path) == dict.fromkeys(("R2", "R2B", "R2C", "R2D"), "recalled")
    page = client.get(path).text
    assert "4 of 4 batches recalled." in page
    assert "The recall is complete." in page
    assert page.count(REASON) == 4
    assert "Pending confirmation" not in client.get("/partners/").text
    causes = {
        lot: query(shop.world.index).batch(shop.world.key(lot).batch_id).recall_cause for lot in ("R2", "R2B", "R2C")
    }
    assert causes == {
        lot: shop.world.key(cause).batch_id for lot, cause in (("R2", "R2"), ("R2B", "R2"), ("R2C", "R2B"))
    }


def test_failed_recalls_show_reason_and_can_be_retried(shop):
    """The index has a wrong digest of one batch, so the contract rejects it and its descendants."""
    path = shop.register("R3", "R3B", "R3C", "R3D", of={"R3C": ("R3B",)})
    engine = create_engine(f"sqlite:///{shop.world.folder / 'index.db'}")
    spoil = text("UPDATE batches SET content_digest = :digest WHERE id = :id")
    batch = shop.world.key("R3B").batch_id
    with engine.begin() as index:
        index.execute(spoil, {"digest": b"\x99" * 32, "id": batch})
    client = shop.client(SUPERVISOR)
    assert send(client, path).status_code == 303
    shop.world.sync()
    assert states(client, path) == {"R3": "recalled", "R3B": "failed", "R3C": "failed", "R3D": "recalled"}
    assert shop.recalled("R3", "R3B", "R3C", "R3D") == [True, False, False, True]
    page = client.get(path).text
    assert "2 of 4 batches recalled." in page
    assert "Retry 2 batches" in page
    assert "the contract rejected the transaction: " in page
    with engine.begin() as index:
        index.execute(spoil, {"digest": b"\x01" * 32, "id": batch})
    engine.dispose()
    assert send(client, path).status_code == 303
    shop.world.sync()
    assert set(states(client, path).values()) == {"recalled"}
    assert shop.recalled("R3B", "R3C") == [True, True]


def test_the_producers_of_other_batches_are_notified(shop):
    world = shop.world
    _register(world, "R4", bytes(32))
    batch = world.key("R4").batch_id
    _inspect(world, "R4", Stage.FIRST, Verdict.PASS, None)
    world.submit(MAKER, calls.assemble(batch))
    _inspect(world, "R4", Stage.FINAL, Verdict.PASS, None)
    world.submit(MAKER, calls.grade(batch, 200, 0, 0))
    world.submit(MAKER, calls.release(batch, SalesChannel.STANDARD))
    world.submit(MAKER, calls.offer_custody(batch, world.organisations["frames"], 2**40))
    shop.frames.submit(calls.accept_custody(batch))
    world.sync()
    path = shop.register("R4", "R4B", "R4C", of={"R4C": ("R4B",)}, chain=shop.frames)
    own, other = shop.client(SUPERVISOR), shop.client(OTHER_SUPERVISOR)
    assert states(own, path) == {"R4": "open", "R4B": "open", "R4C": "others"}
    assert states(other, path) == {"R4": "others", "R4B": "open", "R4C": "open"}
    assert send(own, path).status_code == 303
    world.sync()
    assert shop.recalled("R4", "R4B", "R4C") == [True, False, False]
    assert states(own, path) == {"R4": "recalled", "R4B": "notified", "R4C": "others"}
    page = own.get(path).text
    assert "2 batches belong to other organisations." in page
    assert "On hold until a supervisor of <bdi>Example Frames</bdi> or of an authority recalls it" in page
    assert "Recalled by a supervisor of <bdi>Example Frames</bdi> or of an authority." in page
    assert send(own, path).status_code == 409
    assert states(other, path) == {"R4": "recalled", "R4B": "open", "R4C": "open"}
    assert send(other, path).status_code == 303
    world.sync()
    assert states(other, path) == dict.fromkeys(("R4", "R4B", "R4C"), "recalled")


def test_recall_is_pending_until_included(shop):
    path = shop.register("R5", "R5B")
    client, rpc = shop.client(SUPERVISOR), shop.world.node.rpc()
    rpc.call("evm_setAutomine", False)
    try:
        assert send(client, path).status_code == 303
        assert states(client, path) == {"R5": "pending", "R5B": "pending"}
        page = client.get(path).text
        assert "2 pending confirmation" in page
        assert 'http-equiv="refresh"' in page
        assert 'name="password"' not in page
        assert shop.recalled("R5", "R5B") == [False, False]
        rpc.call("anvil_mine", "0x1")
    finally:
        rpc.call("evm_setAutomine", True)
    shop.world.sync()
    assert set(states(client, path).values()) == {"recalled"}
    assert 'http-equiv="refresh"' not in client.get(path).text


def test_recall_on_phone(shop, portal, page, request):
    lot = "R6" if "with-javascript" in request.node.name else "R7"
    path = shop.register(lot, f"{lot}B", followed=True)
    page.goto(f"{portal.url}/login")
    page.fill("#name", SUPERVISOR)
    page.fill("#password", PASSWORD)
    page.click("form[action='/login'] button")
    page.goto(portal.url + path.replace("recall", "impact"))
    page.click("text=Recall this batch and its descendants")
    page.fill("#reason", REASON)
    page.fill("#password", PASSWORD)
    page.check("[name=confirmed]")
    page.click("text=Recall 2 batches >> nth=-1")
    page.wait_for_selector("text=The recall is complete.")
    page.wait_for_load_state()  # the text is there before the style sheet
    assert page.locator("text=2 of 2 batches recalled.").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert shop.recalled(lot, f"{lot}B") == [True, True]


def test_command_line_resumes_interrupted_recall(shop, tmp_path, monkeypatch):
    """`R8D` is made of `R8C` and of the batch itself: only what is recalled by then can be its cause."""
    shop.register("R8", "R8B", "R8C", "R8D", of={"R8C": ("R8B",), "R8D": ("R8C", "R8")})
    common = ["--rpc-url", shop.world.node.url, "--manifest", str(shop.world.manifest_path), "--data", str(tmp_path)]

    def recall(*options):
        lot = [
            *common,
            "--dev-account",
            str(MAKER),
            "batch",
            "recall",
            GTIN,
            "R8",
            "--reason",
            REASON,
            *options,
            "--json",
        ]
        monkeypatch.setattr("sys.argv", ["chromatrace", *lot])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            result = CliRunner().invoke(main, lot)
        return result.exit_code, json.loads(result.stdout)

    assert recall()[1]["recalled"] == [f"(01){GTIN}(10)R8"]
    status, report = recall("--descendants")
    assert (status, sorted(report["recalled"])) == (0, [f"(01){GTIN}(10)R8{letter}" for letter in "BCD"])
    assert (report["not_entitled"], len(report["transactions"])) == ([], 3)
    assert shop.recalled("R8", "R8B", "R8C", "R8D") == [True] * 4
    assert recall("--descendants") == (0, {"recalled": [], "notified": [], "not_entitled": [], "transactions": []})
    status, report = recall()
    assert (status, report["error"]) == (1, "BatchIsRecalled")


def test_wallet_session_shows_alternatives(shop):
    """The command is complete and safe to copy, whatever the lot contains."""
    key = shop.world.key("R9;id")
    own_items(shop.world.chains[REGISTRAR], shop.world.organisations["frames"], [key.gtin])
    shop.frames.submit(calls.register_batch(calls.Registration(key, 30, bytes([9]) * 32)))
    shop.world.sync()
    client = shop.app.test_client()
    assert log_in_by_wallet(client, shop.frames.signer).status_code == 200
    page = client.get(f"/console/recall/{key.batch_id.hex()}").text
    assert "Not available with a wallet" in page
    assert 'name="password"' not in page
    command = unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL).group(1))
    assert shlex.split(command.replace("\\\n", "")) == [
        *("chromatrace", "--keystore", "FILE", "--rpc-url", "URL", "batch", "recall", "--descendants"),
        *("--reason", "…", "--", GTIN, "R9;id"),
    ]
