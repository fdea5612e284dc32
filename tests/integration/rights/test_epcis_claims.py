"""Captured EPCIS events are claims of their capturer: rights to make and to read them, and how they are shown."""

from __future__ import annotations

import itertools
import time
import uuid
from urllib.parse import quote

import pytest
from members import FOREVER, MAKER, OFFICE, ORGANISATIONS, PARTNER, REGISTRAR, RIVAL, client_of, gln, gtin
from relations import own_items

from chromatrace.chain import calls
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, check_digit
from chromatrace.domain.rights import ALL_SCOPES, SalesChannel, Scope, Stage, Verdict
from chromatrace.epcis.mapping import is_chain_event_id

LINE, OTHER_LINE, RIVAL_LINE, UNUSED_LINE, HIDDEN_LINE = 7301, 7302, 7303, 7304, 7305
EVENTS = "/epcis/v2/events"
_lots = (f"EC{number:04d}" for number in itertools.count())


@pytest.fixture(scope="module")
def app(members):
    members.sync()
    return members.portal()


@pytest.fixture(scope="module")
def client(members, app):
    """Return a function from an organisation (None: no login) to a client of its operator."""

    def of(organisation):
        return client_of(app, None if organisation is None else members.chain(organisation).sender)

    return of


@pytest.fixture
def lot(members):
    """Register a lot of the maker and return its key."""
    return register(members, MAKER, LINE)


@pytest.fixture
def released(members, lot):
    """Return a released lot that the authority inspected."""
    release(members, lot)
    return lot


def register(members, account, line):
    key = BatchKey(gtin(line), Lot(next(_lots)))
    own_items(members.chain(REGISTRAR), account, [key.gtin])
    members.submit(account, calls.register_batch(calls.Registration(key, 10, bytes(range(32)))))
    members.sync()
    return key


def inspect(members, key, stage):
    """Record a passed inspection that the authority signs."""
    signer = members.chain(OFFICE).signer
    inspection = Inspection(
        batch=key.batch_id,
        stage=stage,
        verdict=Verdict.PASS,
        revision=1,
        sample_size=5,
        defects=0,
        instrument=b"\x01" * 32,
        evidence=b"\x02" * 32,
        inspected_at=int(time.time()) - 60,
        inspector=signer.address,
        nonce=uuid.uuid4().int << 64,
        deadline=2**63,
    )
    ledger = members.manifest.address("InspectionLedger")
    signature = sign_inspection(inspection, signer, members.node.chain_id, ledger)
    members.submit(MAKER, calls.record_inspection(inspection, signature))


def release(members, key):
    inspect(members, key, Stage.FIRST)
    members.submit(MAKER, calls.assemble(key.batch_id))
    inspect(members, key, Stage.FINAL)
    members.submit(MAKER, calls.grade(key.batch_id, 10, 0, 0))
    members.submit(MAKER, calls.release(key.batch_id, SalesChannel.STANDARD))
    members.sync()


def hand_over(members, key, giver, receiver):
    members.submit(giver, calls.offer_custody(key.batch_id, receiver, FOREVER))
    members.submit(receiver, calls.accept_custody(key.batch_id))
    members.sync()


def link(key):
    return f"https://id.gs1.org/01/{key.gtin}/10/{quote(str(key.lot), safe='')}"


def event(epc, **changes):
    body = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventID": f"urn:uuid:{uuid.uuid4()}",
        "eventTime": "2026-10-05T09:30:00Z",
        "eventTimeZoneOffset": "+00:00",
        "bizStep": "inspecting",
        "quantityList": [{"epcClass": epc, "quantity": 2}],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def instance(epc, **changes):
    return event(epc, quantityList=None, epcList=[epc], **changes)


def capture(client, *events, visibility="public", context=()):
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", *context],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-10-05T09:30:00Z",
        "epcisBody": {"eventList": list(events)},
    }
    return client.post(f"/epcis/v2/capture?visibility={visibility}", json=document)


def query(client, **parameters):
    answer = client.get(EVENTS, query_string=parameters)
    assert answer.status_code == 200, answer.json
    return answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]


def ids(events):
    return [entry["eventID"] for entry in events]


def urn(key, scheme="class:lgtin"):
    """Return the URN of a lot (company prefix of seven digits)."""
    digits = str(key.gtin)
    return f"urn:epc:{scheme}:{digits[1:8]}.{digits[0]}{digits[8:13]}.{key.lot}"


def test_an_unrelated_organisation_makes_no_claim_about_a_registered_product(members, client, lot):
    own = register(members, RIVAL, RIVAL_LINE)
    unit = f"{link(lot)}/21/000001"
    claims = [
        event(link(lot), disposition="recalled", persistentDisposition={"set": ["recalled"]}),
        event(link(lot), action="DELETE", bizStep="decommissioning"),
        event(
            link(lot),
            destinationList=[{"type": "owning_party", "destination": f"https://id.gs1.org/414/{gln(RIVAL)}"}],
        ),
        event(f"http://other.example/shop/01/{lot.gtin}/10/{lot.lot}?17=271231"),
        event(urn(lot)),
        event(urn(lot).replace("urn:epc:class:lgtin", "URN:EPC:Class:LGTIN")),
        instance(unit),
        instance(urn(lot, "id:sgtin")),
        event(f"https://id.gs1.org/01/{lot.gtin}"),
        event(f"https://id.gs1.org/01/{lot.gtin}/10/NOT-REGISTERED"),
        event(
            link(own),
            type="TransformationEvent",
            action=None,
            quantityList=None,
            inputQuantityList=[{"epcClass": link(lot), "quantity": 1}],
            outputQuantityList=[{"epcClass": link(own), "quantity": 1}],
        ),
        event(
            link(own),
            type="AggregationEvent",
            parentID="urn:epc:id:sscc:9521234.0000000001",
            quantityList=None,
            childQuantityList=[{"epcClass": link(own)}, {"epcClass": link(lot)}],
        ),
        event(link(own), type="AssociationEvent", parentID=unit, quantityList=None, childEPCs=[f"{link(own)}/21/1"]),
    ]
    for claim in claims:
        for visibility, capturer in (("public", RIVAL), ("partners", RIVAL), ("public", OFFICE)):
            first = event(link(own)) if capturer == RIVAL else event("https://example.org/class")
            answer = capture(client(capturer), first, claim, visibility=visibility)
            assert (answer.status_code, answer.json["field"]) == (403, "/epcisBody/eventList/1"), claim
            assert capturer == OFFICE or str(lot.gtin) in answer.json["message"]
    assert query(client(None), MATCH_anyEPC=f"{link(lot)},{link(own)}", source="parties,others") == []


def test_each_claim_names_its_capturer_and_relation(members, client, released):
    expected = []
    for holder, relation in ((MAKER, "producer"), (PARTNER, "custodian"), (RIVAL, "custodian")):
        if holder != MAKER:
            hand_over(members, released, {PARTNER: MAKER, RIVAL: PARTNER}[holder], holder)
        claim = event(link(released))
        assert capture(client(holder), claim).status_code == 202
        expected.append((claim, holder, relation))
    former = event(link(released), disposition="recalled")
    assert capture(client(PARTNER), former).status_code == 202
    expected.append((former, PARTNER, "former_custodian"))
    sampled = event(link(released), bizStep="sampling")
    assert capture(client(OFFICE), sampled).status_code == 202
    expected.append((sampled, OFFICE, "inspector"))
    shown = {
        entry["eventID"]: entry for entry in query(client(None), MATCH_anyEPC=link(released), source="parties,others")
    }
    assert len(shown) == len(expected)
    for claim, holder, relation in expected:
        entry = shown[claim["eventID"]]
        assert entry.items() >= claim.items()
        assert entry["chromatrace:capturer"] == f"http://portal.example/414/{gln(holder)}"
        assert entry["chromatrace:capturerName"] == ORGANISATIONS[holder][1]
        assert (entry["chromatrace:capturerOrganisation"], entry["chromatrace:capturerRelation"]) == (holder, relation)
        assert entry["recordTime"] > "2026-10-05"


def test_chain_events_come_first_then_parties_then_others(members, client, released):
    hand_over(members, released, MAKER, PARTNER)
    hand_over(members, released, PARTNER, RIVAL)
    old = [event(link(released), eventTime=f"2001-01-{day:02d}T00:00:00Z") for day in range(1, 21)]
    assert capture(client(PARTNER), *old).status_code == 202
    by_maker, by_holder = event(link(released), eventTime="2026-10-05T11:00:00Z"), event(link(released))
    assert capture(client(MAKER), by_maker).status_code == 202
    assert capture(client(RIVAL), by_holder).status_code == 202
    events = query(client(None), MATCH_anyEPC=link(released))
    chain = [entry for entry in events if is_chain_event_id(entry["eventID"])]
    assert len(chain) == 10
    order = [*ids(chain), by_holder["eventID"], by_maker["eventID"], *ids(old)]
    assert ids(events) == order[:30]
    pages, url = [], f"{EVENTS}?perPage=4&MATCH_anyEPC={quote(link(released), safe='')}"
    while url:
        answer = client(None).get(url)
        pages += answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        url = answer.headers.get("Link", "<>").split(">")[0][1:]
    assert ids(pages) == order
    assert query(client(None), MATCH_anyEPC=link(released), source="chain") == chain
    assert ids(query(client(None), MATCH_anyEPC=link(released), source="parties")) == order[10:12]
    assert ids(query(client(None), MATCH_anyEPC=link(released), source="others")) == ids(old)
    by_capturer = {"MATCH_anyEPC": link(released), "EQ_chromatrace:capturer": f"https://id.gs1.org/414/{gln(MAKER)}"}
    assert ids(query(client(None), **by_capturer)) == [by_maker["eventID"]]
    assert query(client(None), **by_capturer | {"EQ_chromatrace:capturer": "9521234500001"}) == []
    # The unit of the lot: its own events, those of the parties of its lot first.
    unit = f"{link(released)}/21/000004"
    claims = [
        instance(unit, eventTime="2002-01-01T00:00:00Z"),
        instance(urn(released, "id:sgtin").replace(str(released.lot), "000004")),
    ]
    assert capture(client(PARTNER), claims[0]).status_code == 202
    assert capture(client(RIVAL), claims[1]).status_code == 202
    assert ids(query(client(None), MATCH_anyEPC=unit)) == [claims[1]["eventID"], claims[0]["eventID"]]


def test_ids_and_corrections_of_others_are_rejected(members, client, released):
    hand_over(members, released, MAKER, PARTNER)
    (registration, *_) = query(client(None), MATCH_anyEPC=link(released))
    correction = {"declarationTime": "2026-10-06T00:00:00Z", "reason": "did_not_occur"}
    pointer = "/epcisBody/eventList/0/eventID"
    for text in (registration["eventID"], registration["eventID"].upper().replace("URN:UUID", "urn:uuid")):
        for changes in ({}, {"errorDeclaration": correction}):
            answer = capture(client(MAKER), event(link(released), eventID=text, **changes))
            assert (answer.status_code, answer.json["field"]) == (400, pointer)
    claim = event(link(released))
    assert capture(client(MAKER), claim).status_code == 202
    for other in (
        claim,
        claim | {"eventID": claim["eventID"].upper().replace("URN:", "urn:").replace("UUID", "uuid")},
        claim | {"bizStep": "shipping"},
        claim | {"errorDeclaration": correction},
    ):
        answer = capture(client(PARTNER), other)
        assert (answer.status_code, answer.json["field"]) == (409, pointer)
    assert capture(client(MAKER), claim | {"errorDeclaration": correction}).status_code == 202
    assert [
        entry.get("errorDeclaration") for entry in query(client(None), MATCH_anyEPC=link(released), source="parties")
    ] == [
        None,
        correction,
    ]


@pytest.fixture
def granted(members):
    """Return a function that grants lines (None: every line) of the maker to the partner; revoked after the test."""
    lines = []

    def grant(*numbers):
        granted = [Gtin("00000000000000") if number is None else gtin(number) for number in numbers]
        lines.extend(granted)
        members.submit(MAKER, calls.grant_read_scopes(PARTNER, granted, Scope.LOGISTICS))
        members.sync()

    yield grant
    members.submit(MAKER, calls.grant_read_scopes(PARTNER, lines, Scope(0)))
    members.sync()


def sscc(number):
    body = f"0952999{number:010d}"
    return f"https://id.gs1.org/00/{body}{check_digit(body)}"


def aggregation(parent, *children):
    return event(
        parent,
        type="AggregationEvent",
        action="ADD",
        parentID=parent,
        quantityList=None,
        childQuantityList=[{"epcClass": child} for child in children],
    )


def test_granted_lines_are_readable_with_their_logistic_units(members, client, granted):
    first, second = register(members, MAKER, LINE), register(members, MAKER, OTHER_LINE)
    urn_parent = f"urn:epc:id:sscc:9529990.0{uuid.uuid4().int % 10**9:09d}"
    private = {
        "granted lot": event(link(first)),
        "granted lot in a pallet": aggregation(sscc(1), link(first)),
        "granted lot in a pallet by URN": aggregation(urn_parent, link(first)),
        "pallet alone": instance(sscc(1), bizStep="shipping"),
        "pallet of a URN alone": instance(urn_parent, bizStep="shipping"),
        "pallet without known contents": instance(sscc(2), bizStep="shipping"),
        "other lot": event(link(second)),
        "other lot in a pallet": aggregation(sscc(3), link(second)),
        "pallet of the other lot": instance(sscc(3), bizStep="shipping"),
        "both lots in a pallet": aggregation(sscc(4), link(first), link(second)),
        "unknown class": event("https://example.org/whatever"),
    }
    assert capture(client(MAKER), *private.values(), visibility="partners").status_code == 202

    def seen(organisation):
        readable = {entry["eventID"] for entry in query(client(organisation), source="parties,others", perPage=1000)}
        return {name for name, claim in private.items() if claim["eventID"] in readable}

    assert seen(None) == seen(PARTNER) == seen(RIVAL) == set()
    assert seen(MAKER) == seen(OFFICE) == set(private)
    granted(LINE)
    assert seen(PARTNER) == set(private) - {
        "other lot",
        "other lot in a pallet",
        "pallet of the other lot",
        "both lots in a pallet",
        "unknown class",
    }
    assert seen(RIVAL) == set()
    granted(None)
    assert seen(PARTNER) == set(private)


def test_grant_of_a_line_does_not_show_another(members, client, granted):
    other = register(members, MAKER, OTHER_LINE)
    claim = event(link(other))
    assert capture(client(MAKER), claim, visibility="partners").status_code == 202
    granted(LINE)
    assert query(client(PARTNER), MATCH_anyEPC=link(other), source="parties,others") == []
    granted(OTHER_LINE)
    assert ids(query(client(PARTNER), MATCH_anyEPC=link(other), source="parties")) == [claim["eventID"]]


def test_events_and_documents_of_a_capturer_are_limited(members):
    claims = [instance(f"https://id.gs1.org/01/{gtin(UNUSED_LINE)}/21/{number}") for number in range(3)]
    operator = members.chain(RIVAL).sender
    assert capture(client_of(members.portal(), operator), *claims[:2]).status_code == 202
    limited = client_of(members.portal(capture_limit=2), operator)
    for events in (claims[2:], claims[:1]):
        answer = capture(limited, *events)
        assert (answer.status_code, answer.json["field"]) == (429, "/epcisBody/eventList")
    other = client_of(members.portal(capture_limit=2000), operator)
    assert capture(other, *claims).status_code == 202


def test_search_through_withheld_events_is_continued_on_the_next_page(members, client, monkeypatch):
    """Pages may have fewer events, or none, and a link to the next one."""
    hidden, shown = register(members, MAKER, HIDDEN_LINE), register(members, MAKER, LINE)
    for _ in range(3):
        hidden = register(members, MAKER, HIDDEN_LINE)
    last = register(members, MAKER, LINE)
    members.submit(MAKER, calls.grant_read_scopes(MAKER, [hidden.gtin], Scope(0)))
    members.sync()

    def pages():
        url, sizes, found = f"{EVENTS}?source=chain&perPage=2&EQ_bizStep=commissioning", [], []
        while url:
            answer = client(None).get(url)
            found += answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
            sizes.append(len(found))
            url = answer.headers.get("Link", "<>").split(">")[0][1:]
        return len(sizes), found

    number, found = pages()
    monkeypatch.setattr("chromatrace.services.epcis_events.MAX_EXAMINED", 3)
    more, again = pages()
    assert again == found
    assert more > number
    text = str(found)
    assert (f"/{hidden.gtin}/" in text, f"/{shown.lot}'" in text, f"/{last.lot}'" in text) == (False, True, True)
    members.submit(MAKER, calls.grant_read_scopes(MAKER, [hidden.gtin], ALL_SCOPES))
    members.sync()


def test_page_of_a_lot_shows_public_claims_with_their_capturer(members, client, released):
    hand_over(members, released, MAKER, PARTNER)
    path, unit = f"/01/{released.gtin}/10/{released.lot}", f"{link(released)}/21/000009"
    assert "Statements of organisations" not in client(None).get(path).text
    wrong = event(link(released), bizStep="storing", disposition="damaged")
    correction = wrong | {"errorDeclaration": {"declarationTime": "2026-10-06T00:00:00Z", "reason": "incorrect_data"}}
    assert capture(client(PARTNER), wrong, correction).status_code == 202
    assert capture(client(MAKER), event(link(released), bizStep="https://example.org/<b>polishing")).status_code == 400
    assert capture(client(MAKER), event(link(released), bizStep="https://example.org/polishing")).status_code == 202
    assert capture(client(MAKER), instance(unit, bizStep="repairing")).status_code == 202
    assert capture(client(MAKER), event(link(released), bizStep="packing"), visibility="partners").status_code == 202
    page = client(None).get(path).text
    _, _, table = page.partition("Statements of organisations")
    table = table.partition("</table>")[0]
    assert table.count(ORGANISATIONS[PARTNER][1]) == 2
    assert table.count(ORGANISATIONS[MAKER][1]) == 1
    for text in ("Stated by", "storing, damaged", "declared erroneous", "https://example.org/polishing", "holder"):
        assert text in table
    assert ("packing" in table, "repairing" in table) == (False, False)


def test_wrong_credentials_are_rejected_before_events_of_the_chain_are_returned(client, released):
    answer = client(None).get(EVENTS, query_string={"MATCH_anyEPC": link(released), "perPage": 1}, auth=("no", "no"))
    assert (answer.status_code, answer.json["error"]) == (401, "LoginFailedError")
    assert query(client(None), MATCH_anyEPC=link(released), perPage=1)
