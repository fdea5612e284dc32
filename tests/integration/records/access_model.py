"""The state machine of the model test, the comparison of all pairs at its end, and the search for leaked secrets."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
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
    secret_file,
)

UNKNOWN = "0x" + "5a" * 32
"""Digest of a file that nobody stored."""
FRONT_ENDS = ("portal", "command line")


class AccessModel(RuleBasedStateMachine):
    """Random operations of random people. Each is compared with the rights on the chain when it runs."""

    def __init__(self, world):
        super().__init__()
        self.world, self.rights = world, world.rights

    # -- rights on the chain

    @rule(data=st.data(), organisation=st.sampled_from(MANUFACTURERS), department=st.sampled_from(DEPARTMENTS))
    def change_member(self, data, organisation, department):
        person = data.draw(st.sampled_from(operators(self.world)), label="person")
        own = self.rights.people[person].organisation == organisation
        mask = data.draw(st.sampled_from((0, READ, APPEND, BOTH) if own else (0, READ)), label="rights")
        self.world.set_member(organisation, department, person, mask)
        assert self.world.chain_may_read(person, organisation, department) == self.rights.may_read(
            person, organisation, department
        )
        self.world.count("change_member")

    @rule(data=st.data())
    def dismiss_or_appoint(self, data):
        person = data.draw(st.sampled_from(operators(self.world)), label="person")
        self.world.set_active(person, active=person in self.rights.dismissed)
        self.world.count("dismiss_or_appoint")

    # -- records

    @rule(organisation=st.sampled_from(MANUFACTURERS), front_end=st.sampled_from(FRONT_ENDS), data=st.data())
    def add_order(self, organisation, front_end, data):
        person = data.draw(st.sampled_from(colleagues(self.world, organisation)), label="person")
        add(self.world, person, contract_order(self.world), SALES, front_end)

    @rule(front_end=st.sampled_from(FRONT_ENDS), data=st.data())
    def add_design_with_a_file(self, front_end, data):
        order = data.draw(st.sampled_from(of_department(self.world, SALES)), label="order")
        person = data.draw(st.sampled_from(colleagues(self.world, order.organisation)), label="person")
        content = secret_file()
        fields = design(self.world, order, digest_of(content))
        allowed = self.rights.may_append(person, order.organisation, DESIGN)
        if front_end == "portal":
            stored = self.world.upload(person, content, fields["schema"])
            assert stored.status_code == (201 if allowed else 403), stored.text
        add(self.world, person, fields, DESIGN, front_end, content)

    @rule(front_end=st.sampled_from(FRONT_ENDS), data=st.data())
    def name_a_stored_file(self, front_end, data):
        """Only the department that uploaded a file can name it; for all others it does not exist."""
        other = data.draw(st.sampled_from(of_department(self.world, DESIGN)), label="design with the file")
        order = data.draw(st.sampled_from(of_department(self.world, SALES)), label="order")
        person = data.draw(st.sampled_from(colleagues(self.world, order.organisation)), label="person")
        digest = data.draw(st.sampled_from((other.file[1], other.digest)), label="digest")
        fields = design(self.world, order, digest)
        own_file = other.organisation == order.organisation and digest == other.file[1]
        if own_file:
            add(self.world, person, fields, DESIGN, front_end, other.file[2], stored=True)
            return
        refused, unknown = (
            attempt(self.world, person, fields | {"drawing_file": value}, front_end) for value in (digest, UNKNOWN)
        )
        assert refused == unknown, "the response reveals whether the file is stored"
        assert refused[0] in (400, 403, 1), refused
        self.world.count("name_a_stored_file")

    @rule(data=st.data())
    def replay(self, data):
        document = data.draw(st.sampled_from(self.world.documents), label="document")
        writers = [
            person
            for person in operators(self.world)
            if self.rights.may_append(person, (who := self.rights.people[person]).organisation, who.department)
            and (who.organisation, who.department) != (document.organisation, document.department)
        ]
        if not writers:
            return
        person = data.draw(st.sampled_from(writers), label="person")
        self.world.replay(person, document)
        who = self.rights.people[person]
        answer = self.world.show(person, document, who.organisation)
        if self.rights.may_read(person, who.organisation, who.department):
            assert answer.status_code == 200, answer.text
            shown = answer.json
            if who.organisation != document.organisation:
                assert (shown["organisation"], shown["department"]) == (
                    ORGANISATIONS[who.organisation],
                    who.department,
                )
                assert shown["document"] is None
        else:
            assert answer.status_code == 403, answer.text
        self.world.count("replay")

    # -- readers

    @rule(data=st.data(), front_end=st.sampled_from(FRONT_ENDS))
    def grant(self, data, front_end):
        document = data.draw(st.sampled_from(self.world.documents), label="document")
        person = data.draw(st.sampled_from(operators(self.world)), label="person")
        reader = data.draw(st.sampled_from(sorted(self.world.readers)), label="reader")
        change_readers(self.world, person, document, front_end, grant=reader)

    @rule(data=st.data(), front_end=st.sampled_from(FRONT_ENDS))
    def revoke(self, data, front_end):
        document = data.draw(st.sampled_from(self.world.documents), label="document")
        person = data.draw(st.sampled_from(operators(self.world)), label="person")
        reader = data.draw(st.sampled_from(sorted(self.world.readers)), label="reader")
        change_readers(self.world, person, document, front_end, revoke=reader)

    @rule(data=st.data(), organisation=st.sampled_from(MANUFACTURERS), department=st.sampled_from(DEPARTMENTS))
    def rename_a_reader(self, data, organisation, department):
        """Give a reader the name of another organisation's department: a name identifies nothing."""
        name = data.draw(st.sampled_from((*DEPARTMENTS, "Renamed", "销售")), label="name")
        self.world.rename_reader(organisation, department, name)
        self.world.count("rename_a_reader")

    # -- comparison

    @rule(data=st.data())
    @precondition(lambda self: self.world.documents)
    def compare_one_pair(self, data):
        person = data.draw(st.sampled_from([*self.rights.people, None]), label="person")
        document = data.draw(st.sampled_from(self.world.documents), label="document")
        compare_portal(self.world, person, document)
        if person is not None:
            compare_command_line(self.world, person, document)


# -- operations and their expected results


def operators(world):
    return [name for name, who in world.rights.people.items() if who.department is not None]


def colleagues(world, organisation):
    return [name for name in operators(world) if world.rights.people[name].organisation == organisation]


def of_department(world, department):
    return [document for document in world.documents if document.department == department]


def attempt(world, person, fields, front_end):
    """Try to add a record; return the status and the error without its values."""
    if front_end == "portal":
        answer = world.add(person, fields)
        return answer.status_code, answer.json.get("error"), answer.json.get("message"), answer.json.get("field")
    status, report = world.run(person, "record", "add", world.write(fields))
    return status, report.get("error"), report.get("message"), report.get("field")


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
    world.count("added" if allowed else "not added")


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
        expected = 200 if possible else 400 if allowed else 403
        assert answer.status_code == expected, answer.text
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
    world.count("readers changed" if possible else "readers not changed")


def compare_portal(world, person, document):
    """Compare each route that reads a document with the rights of a person."""
    where = document.organisation, document.department
    allowed = person is not None and world.rights.may_read(person, *where)
    refused = 401 if person is None else 403
    shown = world.show(person, document)
    assert shown.status_code == (200 if allowed else refused), (person, where, shown.text)
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
    world.count("pairs at the portal")


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
    world.count("pairs at the command line")


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
        compare_replay(world, replay)


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


def compare_replay(world, replay):
    """Check that a replayed entry belongs to the department that appended it, and has no document."""
    document = replay.document
    if replay.organisation == document.organisation:
        return  # the writer of the kind comes first
    for person in world.rights.people:
        answer = world.show(person, document, replay.organisation)
        if world.rights.may_read(person, replay.organisation, replay.department):
            assert answer.status_code == 200
            assert answer.json["document"] is None
            assert answer.json["department"] == replay.department or len(world.replays_of(replay)) > 1
        elif not any(
            world.rights.may_read(person, other.organisation, other.department) for other in world.replays_of(replay)
        ):
            assert answer.status_code == 403


def search_for_leaks(world):
    """Search everything that others received or store for plain text, keys and passwords of each organisation."""
    shared = [world.vault, world.portal_data]
    temporary = Path(tempfile.gettempdir())
    for owner in MANUFACTURERS:
        found = dict.fromkeys(world.key_secrets(owner), "key or password")
        for document in world.documents:
            if document.organisation == owner:
                found |= dict.fromkeys(document.secrets, f"{document.department} {document.key}")
        stored = dict(files_below(*shared, temporary, world.folder / "outboxes"))
        for other in ("a", "b", "c", "authority", "other", "none"):
            if other != owner:
                stored |= dict(files_below(world.data(other)))
        for path, content in stored.items():
            if not any(path.is_relative_to(folder) for folder in world.key_folders):
                leaked = [text for secret, text in found.items() if secret in content]
                assert not leaked, (owner, str(path), leaked)
        for other, answers in world.received.items():
            if other == owner:
                continue
            forbidden = world.key_secrets(owner) + [
                secret
                for document in world.documents
                if document.organisation == owner and other not in document.ever_readable
                for secret in document.secrets
            ]
            everything = b"\n".join(answers)
            leaked = [secret for secret in forbidden if secret in everything]
            assert not leaked, (owner, other, leaked)


def files_below(*folders):
    """Yield path and content of all regular files below these folders."""
    for folder in folders:
        for root, _, names in os.walk(folder):
            for name in names:
                path = Path(root) / name
                if path.is_file() and not path.is_symlink():
                    yield path, path.read_bytes()
