"""Recalling from the console, on a real chain: confirmed, sent in order, shown batch by batch, tried again."""

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
from sqlalchemy import create_engine, text

import app.accounts
from app import create_app
from app.store import Store
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
    """The world, with an assembler of its own and three accounts."""

    world: object
    frames: Chain
    app: object

    def made(self, origin, *lots, chain=None, of=None, followed=False):
        """Registers `origin` where it is the maker's, and `lots` made of it (or of one another: `of`).

        `followed`: a follower runs already, and this waits for it.
        """
        chain = chain or self.world.chains[MAKER]
        if not query(self.world.index).batch(self.world.key(origin).batch_id):
            _register(self.world, origin, bytes(32))
        for place, lot in enumerate(lots):
            parents = (of or {}).get(lot, (origin,))
            inputs = tuple(Input(self.world.key(parent).batch_id, 20) for parent in parents)
            digest = bytes([place + 1]) * 32
            chain.submit(calls.register_batch(calls.Registration(self.world.key(lot), 30, digest, inputs=inputs)))
        if followed:
            deadline = time.monotonic() + 120
            while not query(self.world.index).batch(self.world.key(lots[-1]).batch_id):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        else:
            self.world.sync()
        return f"/console/recall/{self.world.key(origin).batch_id.hex()}"

    def desk(self, account):
        client = self.app.test_client()
        token = _token(client.get("/login").text)
        client.post("/login", data={"name": account, "password": PASSWORD, "csrf_token": token})
        return client

    def recalled(self, *lots):
        """Whether the chain has each of these as recalled, where it makes blocks."""
        if (rpc := self.world.node.rpc()).call("anvil_getAutomine"):
            wait_until_mined(rpc)
        read = self.world.chains[MAKER].read
        return [read(reads.batch(self.world.key(lot).batch_id)).recalled for lot in lots]


def _token(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)


def send(client, path, **changes):
    """Posts the form as the page has it."""
    page = client.get(path).text
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    form = {"reason": REASON, "password": PASSWORD, "confirmed": "yes", "csrf_token": _token(page)}
    form |= {"seen": seen.group(1)} if seen else {}
    return client.post(path, data={name: value for name, value in (form | changes).items() if value is not None})


def states(client, path):
    return {one["lot"]: one["state"] for one in client.get(f"{path}?format=json").json["batches"]}


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
    store = Store(f"sqlite:///{world.folder / 'portal.db'}")
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


def test_it_is_for_supervisors_only(shop):
    path = shop.made("R1")
    impact = path.replace("recall", "impact")
    assert path in shop.desk(SUPERVISOR).get(impact).text
    without = shop.desk(WITHOUT_ROLE)
    assert path not in without.get(impact).text
    assert without.get(path).status_code == 403
    assert without.post(path, data={"csrf_token": _token(without.get("/partners/").text)}).status_code == 403
    assert shop.app.test_client().get(path).status_code == 303
    assert shop.recalled("R1") == [False]


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"csrf_token": None}, 400, "out of date"),
        ({"confirmed": None}, 400, "is not confirmed"),
        ({"reason": " a "}, 400, "3 to 200 characters"),
        ({"reason": "x" * 201}, 400, "3 to 200 characters"),
        ({"password": "wrong wrong wrong"}, 401, "The password is wrong. Nothing was sent"),
        ({"seen": "0" * 32}, 409, "Other batches are to be recalled"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_not_confirmed_as_shown_sends_nothing(shop, changes, status, said):
    path = shop.made("R1")
    client = shop.desk(SUPERVISOR)
    answer = send(client, path, **changes)
    assert (answer.status_code, said in answer.text) == (status, True)
    assert states(client, path) == {"R1": "open"}
    assert shop.recalled("R1") == [False]


def test_a_batch_that_nobody_registered(shop):
    client = shop.desk(SUPERVISOR)
    assert [client.get(f"/console/recall/{text}").status_code for text in ("11" * 32, "x")] == [404, 404]


def test_a_batch_and_its_descendants_are_recalled_in_order(shop):
    """`R2C` is made of `R2B`, and `R2D` of the batch itself; all of it in one confirmation."""
    path = shop.made("R2", "R2B", "R2C", "R2D", of={"R2C": ("R2B",)})
    client = shop.desk(SUPERVISOR)
    page = client.get(path).text
    assert "Recall 4 batches at 1 holder, for ever." in page
    assert "290 units, held by 1 organisation: Example Glass" in page
    assert send(client, path).status_code == 303
    assert shop.recalled("R2", "R2B", "R2C", "R2D") == [True] * 4
    assert set(states(client, path).values()) == {"pending"}
    assert "4 recalls are under way" in client.get("/partners/").text
    again = send(client, path)
    assert (again.status_code, "nothing is left here for you" in again.text.lower()) == (409, True)
    shop.world.sync()
    assert states(client, path) == dict.fromkeys(("R2", "R2B", "R2C", "R2D"), "recalled")
    page = client.get(path).text
    assert "4 of 4 batches recalled." in page
    assert "All of it is recalled." in page
    assert page.count(REASON) == 4
    assert "under way" not in client.get("/partners/").text
    causes = {
        lot: query(shop.world.index).batch(shop.world.key(lot).batch_id).recall_cause for lot in ("R2", "R2B", "R2C")
    }
    assert causes == {
        lot: shop.world.key(cause).batch_id for lot, cause in (("R2", "R2"), ("R2B", "R2"), ("R2C", "R2B"))
    }


def test_what_failed_is_shown_with_its_reason_and_tried_again(shop):
    """The index has a wrong digest of one batch, so that the contract refuses it and what hangs on it."""
    path = shop.made("R3", "R3B", "R3C", "R3D", of={"R3C": ("R3B",)})
    engine = create_engine(f"sqlite:///{shop.world.folder / 'index.db'}")
    spoil = text("UPDATE batches SET content_digest = :digest WHERE id = :id")
    batch = shop.world.key("R3B").batch_id
    with engine.begin() as index:
        index.execute(spoil, {"digest": b"\x99" * 32, "id": batch})
    client = shop.desk(SUPERVISOR)
    assert send(client, path).status_code == 303
    shop.world.sync()
    assert states(client, path) == {"R3": "recalled", "R3B": "failed", "R3C": "failed", "R3D": "recalled"}
    assert shop.recalled("R3", "R3B", "R3C", "R3D") == [True, False, False, True]
    page = client.get(path).text
    assert "2 of 4 batches recalled." in page
    assert "Try again with 2 batches" in page
    assert "the contract refused it: " in page
    with engine.begin() as index:
        index.execute(spoil, {"digest": b"\x01" * 32, "id": batch})
    engine.dispose()
    assert send(client, path).status_code == 303
    shop.world.sync()
    assert set(states(client, path).values()) == {"recalled"}
    assert shop.recalled("R3B", "R3C") == [True, True]


def test_what_is_others_to_recall_is_left_to_them(shop):
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
    path = shop.made("R4", "R4B", "R4C", of={"R4C": ("R4B",)}, chain=shop.frames)
    ours, theirs = shop.desk(SUPERVISOR), shop.desk(OTHER_SUPERVISOR)
    assert states(ours, path) == {"R4": "open", "R4B": "open", "R4C": "others"}
    assert states(theirs, path) == {"R4": "others", "R4B": "open", "R4C": "open"}
    assert send(ours, path).status_code == 303
    world.sync()
    assert shop.recalled("R4", "R4B", "R4C") == [True, True, False]
    page = ours.get(path).text
    assert "1 for others to recall." in page
    assert "A supervisor of Example Frames, or of an authority, recalls it." in page
    assert send(ours, path).status_code == 409
    assert send(theirs, path).status_code == 303
    world.sync()
    assert states(theirs, path) == dict.fromkeys(("R4", "R4B", "R4C"), "recalled")


def test_it_is_under_way_until_a_block_has_it(shop):
    path = shop.made("R5", "R5B")
    client, rpc = shop.desk(SUPERVISOR), shop.world.node.rpc()
    rpc.call("evm_setAutomine", False)
    try:
        assert send(client, path).status_code == 303
        assert states(client, path) == {"R5": "pending", "R5B": "pending"}
        page = client.get(path).text
        assert "2 under way" in page
        assert 'http-equiv="refresh"' in page
        assert 'name="password"' not in page
        assert shop.recalled("R5", "R5B") == [False, False]
        rpc.call("anvil_mine", "0x1")
    finally:
        rpc.call("evm_setAutomine", True)
    shop.world.sync()
    assert set(states(client, path).values()) == {"recalled"}
    assert 'http-equiv="refresh"' not in client.get(path).text


def test_a_person_recalls_on_a_phone(shop, portal, page, request):
    """With and without JavaScript."""
    lot = "R6" if "with-javascript" in request.node.name else "R7"
    path = shop.made(lot, f"{lot}B", followed=True)
    page.goto(f"{portal.url}/login")
    page.fill("#name", SUPERVISOR)
    page.fill("#password", PASSWORD)
    page.click("form[action='/login'] button")
    page.goto(portal.url + path.replace("recall", "impact"))
    page.click("text=Recall this and what was made of it")
    page.fill("#reason", REASON)
    page.fill("#password", PASSWORD)
    page.check("[name=confirmed]")
    page.click("text=Recall 2 batches >> nth=-1")
    page.wait_for_selector("text=All of it is recalled.")
    assert page.locator("text=2 of 2 batches recalled.").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert shop.recalled(lot, f"{lot}B") == [True, True]


def test_the_command_line_goes_on_where_a_recall_was_broken_off(shop, tmp_path, monkeypatch):
    """`R8D` is made of `R8C` and of the batch itself: only what is recalled by then can be its cause."""
    shop.made("R8", "R8B", "R8C", "R8D", of={"R8C": ("R8B",), "R8D": ("R8C", "R8")})
    common = ["--rpc-url", shop.world.node.url, "--manifest", str(shop.world.manifest_path), "--data", str(tmp_path)]

    def recall(*words):
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
            *words,
            "--json",
        ]
        monkeypatch.setattr("sys.argv", ["chromatrace", *lot])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            said = CliRunner().invoke(main, lot)
        return said.exit_code, json.loads(said.stdout)

    assert recall()[1]["recalled"] == [f"(01){GTIN}(10)R8"]
    status, said = recall("--descendants")
    assert (status, sorted(said["recalled"])) == (0, [f"(01){GTIN}(10)R8{letter}" for letter in "BCD"])
    assert (said["not_entitled"], len(said["transactions"])) == ([], 3)
    assert shop.recalled("R8", "R8B", "R8C", "R8D") == [True] * 4
    assert recall("--descendants") == (0, {"recalled": [], "not_entitled": [], "transactions": []})
    status, said = recall()
    assert (status, said["error"]) == (1, "BatchIsRecalled")


def test_by_wallet_the_page_says_how_else(shop):
    """The command is whole, to be copied, and does nothing else whatever the lot is called."""
    key = shop.world.key("R9;id")
    shop.frames.submit(calls.register_batch(calls.Registration(key, 30, bytes([9]) * 32)))
    shop.world.sync()
    client = shop.app.test_client()
    assert log_in_by_wallet(client, shop.frames.signer).status_code == 200
    page = client.get(f"/console/recall/{key.batch_id.hex()}").text
    assert "Not from this page by wallet" in page
    assert 'name="password"' not in page
    command = unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL).group(1))
    assert shlex.split(command.replace("\\\n", "")) == [
        *("chromatrace", "--keystore", "FILE", "--rpc-url", "URL", "batch", "recall", "--descendants"),
        *("--reason", "…", "--", GTIN, "R9;id"),
    ]
