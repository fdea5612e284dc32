"""The state machine of the model test, the comparison of all pairs at its end, and the search for leaked secrets."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from three_organisations import (
    APPEND,
    BOTH,
    CATALOGUE,
    DEPARTMENTS,
    DESIGN,
    MANUFACTURERS,
    ORGANISATIONS,
    READ,
    SALES,
    contract_order,
    design,
    digest_of,
    operator,
    secret_file,
)

UNKNOWN = "0x" + "5a" * 32
"""Digest of a file that is not stored."""
FRONT_ENDS = ("portal", "command line")


INDEX = st.integers(0, 2**16 - 1)
"""Selects an element of a list. What is drawn must not depend on the world, which keeps the effects of earlier runs."""
ENTITLED = st.booleans()
"""Whether the person is the one who has the right at the beginning, or any other."""
ORGANISATION, DEPARTMENT, FRONT_END = map(st.sampled_from, (MANUFACTURERS, DEPARTMENTS, FRONT_ENDS))


class AccessModel(RuleBasedStateMachine):
    """Random operations of random people. Each is compared with the rights on the chain when it runs."""

    def __init__(self, world):
        super().__init__()
        self.world, self.rights = world, world.rights

    # -- rights on the chain

    @rule()
    def compare_rights_with_the_contract(self):
        """Compare the model with the contract for one department after the other."""
        where = pick(list(self.world.departments), self.world.counts["rights compared"])
        for person in self.rights.people:
            assert self.world.chain_may_read(person, *where) == self.rights.may_read(person, *where), (person, where)
        self.world.count("rights compared")

    @rule(organisation=ORGANISATION, department=DEPARTMENT, person=INDEX, rights=INDEX)
    def change_member(self, organisation, department, person, rights):
        person = pick(operators(self.world), person)
        own = self.rights.people[person].organisation == organisation
        self.world.set_member(
            organisation, department, person, pick((0, READ, APPEND, BOTH) if own else (0, READ), rights)
        )
        self.world.count("members changed")

    @rule(person=INDEX)
    def dismiss_or_appoint(self, person):
        person = pick(operators(self.world), person)
        self.world.set_active(person, active=person in self.rights.dismissed)
        self.world.count("dismissed or appointed")

    # -- records

    @rule(organisation=ORGANISATION, front_end=FRONT_END, entitled=ENTITLED, person=INDEX)
    def add_order(self, organisation, front_end, entitled, person):
        person = self.colleague(organisation, SALES, entitled, person)
        add(self.world, person, contract_order(self.world), SALES, front_end)

    @rule(order=INDEX, front_end=FRONT_END, entitled=ENTITLED, person=INDEX)
    def add_design_with_a_file(self, order, front_end, entitled, person):
        order = pick(of_department(self.world, SALES), order)
        person = self.colleague(order.organisation, DESIGN, entitled, person)
        content = secret_file()
        fields = design(self.world, order, digest_of(content))
        if front_end == "portal":
            stored = self.world.upload(person, content, fields["schema"])
            allowed = self.rights.may_append(person, order.organisation, DESIGN)
            assert stored.status_code == (201 if allowed else 403), stored.text
        add(self.world, person, fields, DESIGN, front_end, content)

    @rule(other=INDEX, order=INDEX, document=st.booleans(), front_end=FRONT_END, entitled=ENTITLED, person=INDEX)
    def name_a_stored_file(self, other, order, document, front_end, entitled, person):
        """Only the department that uploaded a file can name it; for all others it does not exist."""
        other = pick(of_department(self.world, DESIGN), other)
        order = pick(of_department(self.world, SALES), order)
        person = self.colleague(order.organisation, DESIGN, entitled, person)
        digest = other.digest if document else other.file[1]
        fields = design(self.world, order, digest)
        if other.organisation == order.organisation and not document:
            add(self.world, person, fields, DESIGN, front_end, other.file[2], stored=True)
            self.world.count("files shared by two records")
            return
        refused, unknown = (
            attempt(self.world, person, fields | {"drawing_file": value}, front_end) for value in (digest, UNKNOWN)
        )
        assert refused == unknown, "the response reveals whether the file is stored"
        assert refused[0] in (400, 403, 1), refused
        self.world.count("foreign files named")

    @rule(document=INDEX, person=INDEX)
    def replay(self, document, person):
        document = pick(self.world.documents, document)
        writers = [
            person
            for person in operators(self.world)
            if self.rights.may_append(person, (who := self.rights.people[person]).organisation, who.department)
            and (who.organisation, who.department) != (document.organisation, document.department)
        ]
        if not writers:
            return
        person = pick(writers, person)
        self.world.replay(person, document)
        compare_replay(self.world, self.world.replays[-1], [person])
        self.world.count("entries replayed")

    # -- readers

    @rule(document=INDEX, reader=INDEX, front_end=FRONT_END, entitled=ENTITLED, person=INDEX)
    def grant(self, document, reader, front_end, entitled, person):
        document = pick(self.world.documents, document)
        person = self.anybody(document, entitled, person)
        reader = pick(list(self.world.readers), reader)
        change_readers(self.world, person, document, front_end, grant=reader)

    @rule(document=INDEX, shared=st.booleans(), reader=INDEX, front_end=FRONT_END, entitled=ENTITLED, person=INDEX)
    def revoke(self, document, shared, reader, front_end, entitled, person):
        granted = [item for item in self.world.documents if len(item.readers) > 1]
        document = pick((granted if shared else None) or self.world.documents, document)
        person = self.anybody(document, entitled, person)
        reader = pick(sorted(document.readers) if shared else list(self.world.readers), reader)
        change_readers(self.world, person, document, front_end, revoke=reader)

    @rule(organisation=ORGANISATION, department=DEPARTMENT, name=st.sampled_from((*DEPARTMENTS, "Renamed", "销售")))
    def rename_a_reader(self, organisation, department, name):
        """Give a reader the name of another organisation's department: a name identifies nothing."""
        self.world.rename_reader(organisation, department, name)
        self.world.count("readers renamed")

    # -- comparison

    @rule(document=INDEX, person=INDEX)
    def compare_one_pair(self, document, person):
        person = pick([*self.rights.people, None], person)
        document = pick(self.world.documents, document)
        compare_portal(self.world, person, document)
        if person is not None:
            compare_command_line(self.world, person, document)

    def colleague(self, organisation, department, entitled, index):
        """Return the operator of a department, or another one of its organisation."""
        others = [name for name in operators(self.world) if self.rights.people[name].organisation == organisation]
        return operator(organisation, department) if entitled else pick(others, index)

    def anybody(self, document, entitled, index):
        """Return the operator of the department of a document, or any other."""
        own = operator(document.organisation, document.department)
        return own if entitled else pick(operators(self.world), index)


# -- operations and their expected results


def pick(items, index):
    return items[index % len(items)]


def operators(world):
    return [name for name, who in world.rights.people.items() if who.department is not None]


def of_department(world, department):
    return [document for document in world.documents if document.department == department]


def attempt(world, person, fields, front_end):
    """Try to add a record; return the status and the error, without the digest of its file."""
    if front_end == "portal":
        answer = world.add(person, fields)
        status, report = answer.status_code, answer.json
    else:
        status, report = world.run(person, "record", "add", world.write(fields))
    error = (report.get(name) for name in ("error", "message", "field", "hint"))
    return status, *(text and text.replace(fields["drawing_file"], "DIGEST") for text in error)


def add(world, person, fields, department, front_end, content=None, *, stored=False):
    """Add a record and check that the chain's rights decide; remember it if it was accepted."""
    who = world.rights.people[person]
    allowed = world.rights.may_append(person, who.organisation, department)
    if front_end == "portal":
        answer = world.add(person, fields)
        assert answer.status_code == (202 if allowed else 403), answer.text
        report = answer.json
    else:
        attached = []
        if content is not None and not stored:
            path = world.folder / "attached"
            path.write_bytes(content)
            attached = ["--attach", f"drawing_file={path}"]
        status, report = world.run(person, "record", "add", world.write(fields), *attached)
        assert status == (0 if allowed else 1), report
    if allowed:
        file = None if content is None else ("drawing_file", fields["drawing_file"], content)
        world.remember(who.organisation, department, fields, report, file)
    world.count("records added" if allowed else "records rejected")


def change_readers(world, person, document, front_end, *, grant=None, revoke=None):
    """Grant or revoke, and compare the result and the remaining readers with the model."""
    rights = world.rights
    where = document.organisation, document.department
    reader = grant or revoke
    allowed = rights.may_read(person, *where) and rights.may_append(person, *where)
    known = reader in document.readers
    own = reader == where
    possible = allowed and (grant is not None or (known and not own))
    if front_end == "portal":
        path = f"/records/{document.record}/readers"
        organisation = {"organisation": ORGANISATIONS[document.organisation]}
        if grant:
            answer = world.request(
                person, "POST", path, json={"reader": world.readers[reader]}, query_string=organisation
            )
        else:
            answer = world.request(person, "DELETE", f"{path}/{world.fingerprints[reader]}", query_string=organisation)
        # A person without the right may see a replayed entry of the same organisation, which has no document.
        expected = (200,) if possible else (400,) if allowed else (403, 404)
        assert answer.status_code in expected, answer.text
        report = answer.json
    else:
        option = ("--to", world.readers[reader]) if grant else ("--revoke", world.fingerprints[reader])
        status, report = world.run(
            person,
            *("record", "grant", CATALOGUE.by_schema(document.schema).id, document.key, *option),
            *("--organisation", ORGANISATIONS[document.organisation]),
        )
        assert status == (0 if possible else 1), report
    if possible:
        if grant:
            document.readers.add(reader)
        else:
            document.readers.discard(reader)
        listed = {item["fingerprint"] for item in report["readers"]}
        assert listed == {world.fingerprints[item] for item in document.readers}
    world.count("readers changed" if possible else "changes of readers rejected")


def compare_portal(world, person, document):
    """Compare each route that reads a document with the rights of a person."""
    where = document.organisation, document.department
    allowed = person is not None and world.rights.may_read(person, *where)
    refused = 401 if person is None else 403
    shown = world.show(person, document)
    replayed = [] if allowed else readable_replays(world, person, document)
    assert shown.status_code == (200 if allowed or replayed else refused), (person, where, shown.text)
    if replayed:
        assert shown.json["document"] is None
        assert shown.json["department"] in replayed
    if allowed:
        assert shown.json["document"] == document.fields, (person, where)
        assert (shown.json["organisation"], shown.json["department"]) == (ORGANISATIONS[where[0]], where[1])
    if document.file is not None:
        field, _, content = document.file
        path = f"/records/{document.record}/files/{field}"
        organisation = {"organisation": ORGANISATIONS[document.organisation]}
        answer = world.request(person, "GET", path, query_string=organisation)
        assert answer.status_code == (200 if allowed else refused), (person, where)
        assert not allowed or answer.data == content
    world.count("pairs compared at the portal")


def readable_replays(world, person, document):
    """Return the departments of the same organisation that replayed a document, and that the person may read."""
    departments = [item.department for item in world.replays_of(document) if item.organisation == document.organisation]
    return [
        department for department in departments if world.rights.may_read(person, document.organisation, department)
    ]


def compare_command_line(world, person, document):
    """Compare `record show` with the rights of a person and the keys of its organisation's data folder."""
    where = document.organisation, document.department
    keys = world.rights.people[person].organisation
    allowed = world.rights.may_read(person, *where) and any(reader[0] == keys for reader in document.readers)
    kind = CATALOGUE.by_schema(document.schema)
    target = world.folder / "saved"
    target.unlink(missing_ok=True)
    save = [] if document.file is None else ["--save", f"{document.file[0]}={target}"]
    status, report = world.run(
        person,
        *("record", "show", kind.id, document.key, *save, "--organisation", ORGANISATIONS[document.organisation]),
    )
    assert status == (0 if allowed else 1), (person, where, report)
    if allowed:
        assert report["fields"] == {name: value for name, value in document.fields.items() if name != "schema"}
        assert document.file is None or target.read_bytes() == document.file[2]
    assert target.exists() == (allowed and document.file is not None)
    world.count("pairs compared at the command line")


# -- after the run


def final_comparison(world):
    """Compare all pairs of a person and a document at the portal, and the lists of all products."""
    for person in world.rights.people:
        for document in world.documents:
            compare_portal(world, person, document)
    for document in world.documents:
        compare_portal(world, None, document)
    for person in world.rights.people:
        compare_lists(world, person)
    for replay in world.replays:
        compare_replay(world, replay, world.rights.people)


def compare_lists(world, person):
    """Compare the list of a product with the departments that a person may read."""
    for document in of_department(world, SALES)[:6]:
        product = document.fields["products"][0]["product_id"]
        listed = world.request(person, "GET", "/records", query_string={"product": product, "perPage": 1000})
        readable = [
            item
            for item in [*world.documents, *world.replays]
            if world.rights.may_read(person, item.organisation, item.department) and world.is_about(item, product)
        ]
        if readable:
            assert listed.status_code == 200, listed.text
            assert Counter((item["organisation"], item["department"]) for item in listed.json["records"]) == Counter(
                (ORGANISATIONS[item.organisation], item.department) for item in readable
            )
        else:
            assert listed.status_code in (403, 404), listed.text


def compare_replay(world, replay, people):
    """Check that a replayed entry belongs to the department that appended it, and has no document."""
    document = replay.document
    if replay.organisation == document.organisation:
        return  # compared with the document
    departments = {item.department for item in world.replays_of(document) if item.organisation == replay.organisation}
    for person in people:
        answer = world.show(person, document, replay.organisation)
        readable = [name for name in departments if world.rights.may_read(person, replay.organisation, name)]
        assert answer.status_code == (200 if readable else 403), (person, answer.text)
        if readable:
            assert answer.json["document"] is None
            assert answer.json["organisation"] == ORGANISATIONS[replay.organisation]
            assert answer.json["department"] in readable


def search_for_leaks(world):
    """Search everything that others received or store for plain text, keys and passwords of each organisation."""
    shared = dict(files_below(world.vault, world.portal_data, world.folder / "outboxes", world.temporary))
    for owner in MANUFACTURERS:
        forbidden = [*world.key_secrets(owner), *secrets_of(world, owner)]
        others = [name for name in (*ORGANISATIONS, "none") if name != owner]
        stored = shared | dict(files_below(*map(world.data, others)))
        for path, content in stored.items():
            if not any(path.is_relative_to(folder) for folder in world.key_folders):
                assert not [secret for secret in forbidden if secret in content], (owner, path)
        for other in others:
            received = b"\n".join(world.received.get(other, ()))
            hidden = [*world.key_secrets(owner), *secrets_of(world, owner, unreadable_by=other)]
            assert not [secret for secret in hidden if secret in received], (owner, other)


def secrets_of(world, owner, unreadable_by=None):
    """Return the secrets of an organisation's documents, or only of those that another one could never read."""
    return [
        secret
        for document in world.documents
        if document.organisation == owner and unreadable_by not in document.ever_readable
        for secret in document.secrets
    ]


def files_below(*folders):
    """Yield path and content of all regular files below these folders."""
    for folder in folders:
        for root, _, names in os.walk(folder):
            for name in names:
                path = Path(root) / name
                if path.is_file() and not path.is_symlink():
                    yield path, path.read_bytes()
