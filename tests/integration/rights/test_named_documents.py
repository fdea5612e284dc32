"""Digests are public: a batch that names the document of another batch does not make it readable."""

from __future__ import annotations

import pytest
from members import MAKER, REGISTRAR, RIVAL, address_of, client_of, gtin
from relations import own_items

from chromatrace.chain import calls
from chromatrace.documents.content import BatchContent, ProductDescription
from chromatrace.domain.identifiers import BatchKey, Lot
from chromatrace.domain.rights import FOREVER, Role, Scope, Stage

LINE, RIVAL_LINE = 31, 32
CAPTURED = b'{"type": "EPCISDocument", "secret": "captured by the maker"}'
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def named(members):
    """Return the maker's batch, whose line is not public, and batches of the rival that name its documents."""
    key = BatchKey(gtin(LINE), Lot("M-1"))
    content = BatchContent(key.gtin, key.lot, ProductDescription("Secret pane", ""), 10, "2026-10-14T06:30:00Z")
    documents = {"content": members.documents.put(content.to_bytes()), "capture": members.documents.put(CAPTURED)}
    own_items(members.chain(REGISTRAR), MAKER, [key.gtin])
    members.submit(MAKER, calls.register_batch(calls.Registration(key, 10, documents["content"])))
    members.inspect(key, Stage.FIRST)
    scopes = calls.Call("Consortium", "grantReadScopes", (MAKER, [int(key.gtin)], Scope(0), FOREVER))
    members.submit(MAKER, scopes)
    names = {}
    for name, digest in documents.items():
        names[name] = BatchKey(gtin(RIVAL_LINE), Lot(f"R-{name}"))
        own_items(members.chain(REGISTRAR), RIVAL, [names[name].gtin])
        members.submit(RIVAL, calls.register_batch(calls.Registration(names[name], 10, digest)))
    members.sync()
    return key, names


def path(key, name="content"):
    return f"/documents/{key.gtin}/{key.lot}/{name}"


def test_document_of_another_batch_is_not_served(members, named):
    key, names = named
    app = members.portal()
    members.appoint(address_of("rival"), RIVAL, Role.ADMIN)
    members.appoint(address_of("worker"), MAKER, Role.PRODUCER)
    rival, worker = (client_of(app, address_of(name)) for name in ("rival", "worker"))
    assert rival.get(path(key), headers=JSON).status_code == 403
    for client in (rival, app.test_client()):
        for other in names.values():
            answer = client.get(path(other), headers=JSON)
            assert (answer.status_code, answer.json["error"]) == (404, "NotFound")
            assert b"Secret" not in client.get(f"/01/{other.gtin}/10/{other.lot}").data
    assert b"Secret pane" in worker.get(path(key), headers=JSON).data
    assert worker.get(path(key, "first"), headers=JSON).status_code == 200
