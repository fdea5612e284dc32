"""Accepted transactions reach the chain even if the portal is killed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import httpx
from dev_chain import wait_until_mined

from chromatrace.chain import calls, reads
from chromatrace.chain.outbox import Outbox
from chromatrace.domain.ledger_entries import record_id, subject_id, unpack

LOT = "https://id.gs1.org/01/09521234543213/10/L1"

SEND_AND_DIE = """
import os, signal, sys, warnings
from pathlib import Path
from app.services import ChainService
from chromatrace.chain import calls
from chromatrace.chain.transaction_sender import TransactionSender
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import create_keystore


url, manifest, data, stage = sys.argv[1:]
chain = ChainService(url, Manifest.load(Path(manifest)), Path(data) / "portal-outbox.db")
if stage == "before sending":
    TransactionSender.broadcast = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
keystore = Path(data) / "operator.json"
print(chain.send(keystore, "seven grey panes of glass", calls.open_channel("carried on")))
"""


def test_next_portal_sends_accepted_transaction_without_key(consortium, data, serve):
    from chromatrace.ethereum.signer import create_keystore

    signer = create_keystore(data / "operator.json", "seven grey panes of glass")
    consortium.registrar.submit(calls.appoint_operator(signer.address, 1, 127, 2**64 - 1))
    consortium.rpc.call("anvil_setBalance", signer.address, hex(10**18))
    arguments = [consortium.node.url, str(consortium.manifest_path), str(data), "before sending"]
    died = subprocess.run([sys.executable, "-c", SEND_AND_DIE, *arguments], capture_output=True, text=True, check=False)
    assert died.returncode == -9, died.stderr
    channel = consortium.maker.read(reads.channel_id(1, "carried on"))

    def opened():
        return consortium.maker.read(reads.channel(channel)).organisation

    assert not opened()
    (data / "operator.json").unlink()
    portal = serve()
    portal.wait(opened)
    with Outbox(data / "portal-outbox.db") as outbox:
        (entry,) = outbox.entries(signer.address, "signed", "sent", "included", "final")
    wait_until_mined(consortium.rpc)
    transaction = consortium.rpc.call("eth_getTransactionReceipt", "0x" + entry.tx_hash.hex())
    assert int(transaction["status"], 16) == 1


def event(number):
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventID": f"urn:uuid:f81d4fae-7dec-11d0-a765-{number:012d}",
        "eventTime": "2026-03-31T14:00:05Z",
        "eventTimeZoneOffset": "+00:00",
        "bizStep": "receiving",
        "quantityList": [{"epcClass": LOT, "quantity": 3}],
    }


def document(*events):
    return {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-22T10:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }


def appended(consortium, since):
    """Return the records appended since a block: (transaction, entries)."""
    address = consortium.manifest.address("ProcessLedger")
    logs = consortium.rpc.call("eth_getLogs", {"address": address, "fromBlock": hex(since), "toBlock": "latest"})
    from chromatrace.ethereum.abi import decode_log

    events = [decode_log(consortium.manifest.names_by_address, log) for log in logs]
    pairs = zip(logs, events, strict=True)
    return [
        (log["transactionHash"], unpack(event.args["records"]))
        for log, event in pairs
        if event.name == "RecordsAppended"
    ]


def test_captured_document_is_recorded_after_portal_was_killed(consortium, data, serve):
    from app.accounts import create_account
    from app.store import PortalDatabase

    database = PortalDatabase(f"sqlite:///{data / 'portal.db'}")
    account = create_account(database, data / "keys", "dock@example-gears", "seven grey panes of glass")
    database.close()
    consortium.registrar.submit(calls.appoint_operator(account.address, 1, 127, 2**64 - 1))
    block = int(consortium.rpc.call("eth_blockNumber"), 16)
    with serve() as portal, portal.client("dock@example-gears") as client:
        body = json.dumps(document(event(1))).encode()
        answer = client.post("/epcis/v2/capture", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 202, answer.text
        location = answer.headers["Location"]
        assert answer.json()["transaction"] is None
    assert appended(consortium, block) == []

    portal = serve("--capture-department", "EPCIS", options=("--dev-account", "1"))
    with portal.client("dock@example-gears") as client:
        job = portal.wait(lambda: (job := client.get(location).json())["transaction"] and job)
        digest = hashlib.sha256(body).digest()
        assert job["documentDigest"] == "0x" + digest.hex()
        ((tx, (entry,)),) = appended(consortium, block)
        assert (tx, entry.digest) == (job["transaction"], digest)
        assert entry.record == record_id("epcis.capture", "0x" + digest.hex())
        assert entry.subject == subject_id("09521234543213/L1")
        again = client.post("/epcis/v2/capture", content=body, headers={"Content-Type": "application/json"})
        location = again.headers["Location"]
        assert portal.wait(lambda: client.get(location).json()["transaction"]) == tx
    assert len(appended(consortium, block)) == 1


def test_capture_requires_login(consortium, data, serve):
    portal = serve()
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{portal.url}/epcis/v2/capture", json=document(event(2)), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "LoginRequiredError")
