"""The access matrix: which principal may use which form of a route on which object.

A rule states who is allowed, from the rights that the principals were given and not from the portal's answers:

    PUBLIC      everyone; an unknown object is not found
    ANSWERED    everyone; only server errors are wrong
    STATE       everyone; 503 if the portal is not ready
    PASSWORD    accounts that send their password, which a session cannot replace
    TOKEN       systems with an access token; none of the principals is one (the orders have their own tests)
    MEMBER      console roles of the organisation whose plant it is; ALARMS: those of them that may act on alarms
    DEPARTMENT  members of a department; none of the principals is one (the records have their own tests)
    a Role      operators that hold one of the roles; NO_ROLE: every operator
    a function  of the principal and the object; it returns whether the principal is allowed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from members import (
    ALL_ROLES,
    FOREVER,
    MAKER,
    OFFICE,
    ORGANISATIONS,
    PARTNER,
    REGISTRAR,
    RIVAL,
    address_of,
    client_of,
    gln,
    gtin,
)

from app.api.epcis.views import CAPTURE_ROLES
from app.rights import CONSOLE_ROLES, CUSTODY_ROLES
from chromatrace.chain import calls
from chromatrace.domain.identifiers import BatchKey, Lot
from chromatrace.domain.reading import Reading
from chromatrace.domain.rights import ALL_SCOPES, OrganisationKind, Role, Scope
from chromatrace.domain.serials import SerialRange
from chromatrace.ingest.spool import Spool
from chromatrace.services.twin import ALARM_ROLES

GRANTED, NOT_GRANTED, PARTNERS, RIVALS, UNKNOWN = 31, 32, 33, 34, 39
"""Product lines: of the maker, granted to the partner or not; of the partner; of the rival; without a batch."""

OWNERS = {GRANTED: MAKER, NOT_GRANTED: MAKER, PARTNERS: PARTNER, RIVALS: RIVAL}
PUBLISHED = {GRANTED: Scope.PRODUCT, NOT_GRANTED: Scope.PRODUCT, PARTNERS: ALL_SCOPES, RIVALS: Scope.PRODUCT}
GRANT = Scope.PRODUCT | Scope.LOGISTICS | Scope.DOCUMENTS
SUSPENDED, EXPIRED, REDUCED = "Example Suspended", "Example Expired", "Example Reduced"


NONE = Role(0)


@dataclass(frozen=True)
class Principal:
    """The sender of a request. `organisation` is None without rights; `roles` are those in force."""

    name: str
    organisation: int | None
    roles: Role = NONE

    def has(self, roles):
        return self.organisation is not None and bool(self.roles & roles)

    def reads(self, line):
        """Return the scopes of a line that the chain lets the principal read."""
        if self.organisation is None:
            return Scope(0)
        supervises = self.organisation == OFFICE and self.has(Role.SUPERVISOR)
        if self.organisation == OWNERS[line] or supervises:
            return ALL_SCOPES
        return GRANT if (self.organisation, line) == (PARTNER, GRANTED) else Scope(0)

    def sees(self, line):
        """Return the scopes that the principal's pages show."""
        return self.reads(line) | PUBLISHED[line]

    def lists(self, line):
        """Return whether the console lists batches of a line."""
        return Scope.PRODUCT in self.reads(line)


@dataclass(frozen=True)
class Form:
    """One form of a route. `path` names the object with {gtin}, {lot} and {id}."""

    endpoint: str
    method: str
    path: str
    rule: object
    data: object = None
    media_type: str | None = None


PUBLIC, ANSWERED, NO_ROLE, STATE, ENDS_SESSION = "public", "answered", "no role", "state", "ends the session"
PASSWORD, DEPARTMENT, TOKEN = "password", "department", "token"
MEMBER, ALARMS = "member of the plant", "member that may act on alarms"


def _document(*scopes) -> Callable:
    """Return the rule of a document. Only the maker's batches have inspections, so only they have such documents."""

    def rule(principal, line):
        exists = OWNERS[line] == MAKER or Scope.QUALITY not in scopes
        return exists and all(scope in principal.sees(line) for scope in (Scope.DOCUMENTS, *scopes))

    return rule


def _console(principal, line):
    return principal.has(CONSOLE_ROLES) and principal.lists(line)


def _recall(principal, line):
    return principal.has(Role.SUPERVISOR) and principal.lists(line)


def _offer(principal, line):
    offered = OWNERS[line] == MAKER and principal.organisation == PARTNER
    return offered and principal.reads(line) & GRANT & ~Scope.DOCUMENTS == Scope.PRODUCT | Scope.LOGISTICS


def _answer(principal, line):
    return _offer(principal, line) and principal.has(CUSTODY_ROLES)


def _labels(principal, line):
    return principal.has(Role.PRODUCER) and principal.organisation == OWNERS[line]


_PAGE, _ID = "/01/{gtin}/10/{lot}", "{id}"
_OFFER, _RECORD = "/partners/offers/{id}", f"/api/v1/records/0x{'ab' * 20}"
_SCHEMA = "chromatrace.record/sales.contract-order/1"

FORMS = (
    Form("static", "GET", "/static/portal.css", PUBLIC),
    Form("graph_css", "GET", "/graph.css", PUBLIC),
    Form("consumer.home", "GET", "/", PUBLIC),
    Form("consumer.lookup", "GET", "/lookup?gtin={gtin}&lot={lot}", ANSWERED),
    Form("consumer.lookup", "GET", "/lookup?code=(01){gtin}(10){lot}", ANSWERED),
    Form("consumer.code", "GET", "/01/{gtin}", ANSWERED),
    Form("consumer.code", "GET", _PAGE, PUBLIC),
    Form("consumer.code", "GET", f"{_PAGE}?format=json", PUBLIC),
    Form("consumer.code", "GET", f"{_PAGE}?linkType=all", PUBLIC),
    Form("consumer.code", "GET", f"{_PAGE}?linkType=gs1:pip", ANSWERED),
    Form("consumer.code", "GET", f"{_PAGE}/21/001", PUBLIC),
    Form("consumer.code", "GET", f"{_PAGE}/21/999?format=json", ANSWERED),
    Form("consumer.scan", "GET", "/scan", PUBLIC),
    Form("consumer.scan", "POST", "/scan", ANSWERED),
    Form("consumer.qr", "GET", "/qr/{gtin}/{lot}.svg", ANSWERED),
    Form("consumer.qr", "GET", "/qr/{gtin}/{lot}.png", ANSWERED),
    Form("consumer.qr", "GET", "/qr/{gtin}/{lot}/001.svg", ANSWERED),
    Form("consumer.document", "GET", "/documents/{gtin}/{lot}/content", _document(Scope.PRODUCT)),
    Form("consumer.document", "GET", "/documents/{gtin}/{lot}/first", _document(Scope.QUALITY)),
    Form("consumer.document", "GET", "/documents/{gtin}/{lot}/final", _document(Scope.QUALITY)),
    Form("consumer.result_file", "GET", "/results/{gtin}/{lot}/first/0.svg", _document(Scope.QUALITY)),
    Form("consumer.result_file", "GET", "/results/{gtin}/{lot}/first/0/0", _document(Scope.QUALITY)),
    Form("consumer.result_file", "GET", "/results/{gtin}/{lot}/first/7/0", ANSWERED),
    Form("consumer.resolver", "GET", "/.well-known/gs1resolver", PUBLIC),
    Form("consumer.health", "GET", "/healthz", STATE),
    Form("consumer.ready", "GET", "/readyz", STATE),
    Form("franchisee.login", "GET", "/login", ANSWERED),
    Form("franchisee.login", "POST", "/login", ANSWERED, {"name": "nobody", "password": "wrong"}),
    Form("franchisee.wallet_challenge", "POST", "/login/wallet/challenge", ANSWERED, {"address": "0x" + "11" * 20}),
    Form("franchisee.wallet_login", "POST", "/login/wallet", ANSWERED, {"message": "m", "signature": "0x"}),
    Form("franchisee.logout", "POST", "/logout", ENDS_SESSION),
    Form("franchisee.overview", "GET", "/partners/", NO_ROLE),
    Form("franchisee.batches", "GET", "/partners/batches/held", NO_ROLE),
    Form("franchisee.batches", "GET", "/partners/batches/made?after=5", NO_ROLE),
    Form("franchisee.batches", "GET", "/partners/batches/shared", NO_ROLE),
    Form("franchisee.password", "GET", "/partners/password", NO_ROLE),
    Form("franchisee.password", "POST", "/partners/password", NO_ROLE, {"current": "", "new": "", "repeated": ""}),
    Form("franchisee.offer", "GET", _OFFER, _offer),
    Form("franchisee.offer", "GET", f"{_OFFER}?format=json", _offer),
    Form("franchisee.accept", "POST", f"{_OFFER}/accept", _answer),
    Form("franchisee.reject", "POST", f"{_OFFER}/reject", _answer, {"reason": "broken"}),
    Form("franchisee.wallet_call", "POST", f"{_OFFER}/call", _answer, {"kind": "accept"}),
    Form("franchisee.wallet_call", "POST", f"{_OFFER}/call", _answer, {"kind": "reject", "reason": "broken"}),
    Form("franchisee.watch", "POST", f"{_OFFER}/watch", _offer, {"kind": "accept", "tx_hash": "0x" + "22" * 32}),
    Form("franchisee.labels", "GET", "/partners/labels/{id}", _labels),
    Form("franchisee.label_sheet", "GET", "/partners/labels/{id}.pdf?count=1", _labels),
    Form("console.overview", "GET", "/console/", CONSOLE_ROLES),
    Form("console.consensus", "GET", "/console/consensus", CONSOLE_ROLES),
    Form("console.find", "GET", "/console/find?q={lot}", CONSOLE_ROLES),
    Form("console.find", "GET", "/console/find?q={gtin}", CONSOLE_ROLES),
    Form("console.find", "GET", "/console/find?q={lot}&others=hide", CONSOLE_ROLES),
    Form("console.trace", "GET", "/console/trace/{id}", _console),
    Form("console.trace", "GET", "/console/trace/{id}?others=hide", _console),
    Form("console.impact", "GET", "/console/impact/{id}", _console),
    Form("console.impact", "GET", "/console/impact/{id}?format=csv", _console),
    Form("console.recall", "GET", "/console/recall/{id}", _recall),
    Form("console.recall", "GET", "/console/recall/{id}?format=json", _recall),
    Form("console.recall", "POST", "/console/recall/{id}", _recall, {"reason": "a test"}),
    Form("console.order", "GET", "/console/orders/C-1", CONSOLE_ROLES),
    Form("workshop.line", "GET", "/workshop/", MEMBER),
    Form("workshop.events", "GET", "/workshop/events", MEMBER),
    Form("workshop.alarms", "GET", "/workshop/alarms", MEMBER),
    Form("workshop.alarms_csv", "GET", "/workshop/alarms.csv", MEMBER),
    Form("workshop.alarm", "GET", "/workshop/alarms/1", MEMBER),
    Form("workshop.act", "POST", "/workshop/alarms/1/acknowledge", ALARMS),
    Form("workshop.proposals", "GET", "/workshop/proposals", MEMBER),
    Form("workshop.proposal", "GET", "/workshop/proposals/1", MEMBER),
    Form("workshop.decide", "POST", "/workshop/proposals/1/confirm", MEMBER, {"password": "wrong"}),
    Form("workshop.charts", "GET", "/workshop/charts", MEMBER),
    Form("workshop.charts_json", "GET", "/workshop/charts.json", MEMBER),
    Form("workshop.orders", "GET", "/workshop/orders", MEMBER),
    Form("workshop.order", "GET", "/workshop/orders/none", MEMBER),
    Form("workshop.predictions", "GET", "/workshop/predictions", MEMBER),
    Form("workshop.predictions_json", "GET", "/workshop/predictions.json", MEMBER),
    Form("workshop.predictions_csv", "GET", "/workshop/predictions.csv", MEMBER),
    Form("workshop.quality", "GET", "/workshop/quality", MEMBER),
    Form("workshop.quality_csv", "GET", "/workshop/quality/pareto.csv", MEMBER),
    Form("workshop.quality_plot", "GET", "/workshop/quality/yield.svg", MEMBER),
    Form("workshop.trend", "GET", "/workshop/trend", MEMBER),
    Form("workshop.trend_json", "GET", "/workshop/trend.json?tag=SP-201/power", MEMBER),
    Form("workshop.trend_csv", "GET", "/workshop/trend.csv?tag=SP-201/power", MEMBER),
    Form("inspector.tasks", "GET", "/console/inspections", Role.INSPECTOR),
    Form("inspector.submit", "POST", "/console/inspections/{id}/0x01", Role.INSPECTOR, {"defects": "0"}),
    Form("api.batch", "GET", "/api/v1/batches/{gtin}/{lot}", PUBLIC),
    Form("api.batch", "GET", "/api/v1/batches/{gtin}/{lot}/001", PUBLIC),
    Form("api.organisations", "GET", "/api/v1/organisations", PUBLIC),
    Form("api.organisation", "GET", "/api/v1/organisations/1", PUBLIC),
    Form("api.openapi", "GET", "/api/v1/openapi.json", PUBLIC),
    Form("records.kinds", "GET", "/api/v1/record-kinds", NO_ROLE),
    Form("records.list", "GET", "/api/v1/records?product={gtin}/{lot}", DEPARTMENT),
    Form("records.add", "POST", "/api/v1/records", PASSWORD, b"{}", "application/json"),
    Form("records.import", "POST", f"/api/v1/records/import?schema={_SCHEMA}", PASSWORD, b"a\n1\n", "text/csv"),
    Form(
        "records.upload",
        "POST",
        f"/api/v1/records/files?schema={_SCHEMA}",
        PASSWORD,
        b"x",
        "application/octet-stream",
    ),
    Form("records.show", "GET", _RECORD, DEPARTMENT),
    Form("records.file", "GET", f"{_RECORD}/files/drawing", DEPARTMENT),
    Form("records.grant", "POST", f"{_RECORD}/readers", PASSWORD, b"{}", "application/json"),
    Form("records.revoke", "DELETE", f"{_RECORD}/readers/{'ab' * 16}", PASSWORD),
    Form("orders.import", "POST", "/api/v1/orders", TOKEN, b"{}", "application/json"),
    Form("orders.list", "GET", "/api/v1/orders", TOKEN),
    Form("orders.progress", "GET", "/api/v1/orders/1000471/progress", TOKEN),
    Form("orders.quality", "GET", "/api/v1/orders/1000471/quality", TOKEN),
    Form("orders.genealogy", "GET", "/api/v1/orders/1000471/genealogy", TOKEN),
    Form("epcis.capture", "POST", "/epcis/v2/capture", CAPTURE_ROLES, b"{}", "application/json"),
    Form("epcis.capture", "POST", "/epcis/v2/capture?visibility=public", CAPTURE_ROLES, b"{}", "application/json"),
    Form("epcis.job", "GET", "/epcis/v2/capture/none", NO_ROLE),
    Form("epcis.events", "GET", "/epcis/v2/events?MATCH_anyEPC=https://id.gs1.org/01/{gtin}/10/{lot}", PUBLIC),
    Form("epcis.events_of", "GET", "/epcis/v2/epcs/https%3A%2F%2Fid.gs1.org%2F01%2F{gtin}%2F10%2F{lot}/events", PUBLIC),
)

OBJECTS = (GRANTED, NOT_GRANTED, PARTNERS, RIVALS, UNKNOWN)


def principals():
    """Return every organisation with every role, and those that lost their rights."""
    roles = [Role(0), *Role, ALL_ROLES]
    members = [
        Principal(f"{ORGANISATIONS[number][1]}: {role!r}", number, role)
        for number, role in product(ORGANISATIONS, roles)
    ]
    without = ("anonymous", "forged session", "stranger", "dismissed", "expired operator", SUSPENDED, EXPIRED)
    return [
        *members,
        *(Principal(name, None) for name in without),
        Principal("role lost by the operator", MAKER, Role.GATEWAY),
        Principal(REDUCED, REDUCED_NUMBER, Role.LOGISTICS),
    ]


REDUCED_NUMBER = -1
"""An organisation without batches and grants, whose number does not matter."""


class Matrix:
    """The objects and the sessions of the principals."""

    def __init__(self, members, plant=None):
        self.members = members
        self.keys = {line: BatchKey(gtin(line), Lot("X-1")) for line in OBJECTS}
        self._register()
        self._publish()
        members.sync()
        self.spool = Spool(members.folder / "matrix-spool.db")
        self.spool.append("line", [Reading("SP-201", "power", 1_767_225_600 * 10**9, 1_767_225_600 * 10**9, 1.0, "W")])
        self.app = members.portal(plant, self.spool, plant_organisation=MAKER)
        self.clients = {principal.name: self._client(principal) for principal in principals()}
        self._withdraw()

    def _register(self):
        members = self.members
        for line, owner in OWNERS.items():
            serials = SerialRange(1, 10, 3)
            members.register(owner, line, "X-1", f"Pane {line}", serials=serials)
        for line in (GRANTED, NOT_GRANTED):
            members.sell(self.keys[line], PARTNER, accept=False)

    def _publish(self):
        members = self.members
        for line, scopes in PUBLISHED.items():
            members.submit(OWNERS[line], calls.grant_read_scopes(OWNERS[line], [gtin(line)], scopes))
        members.submit(MAKER, calls.grant_read_scopes(PARTNER, [gtin(GRANTED)], GRANT))

    def _client(self, principal):
        """Return a client that is logged in. Principals that lose their rights have all of them at first."""
        if principal.name == "anonymous":
            return client_of(self.app, None)
        address = address_of(f"matrix {principal.name}")
        if principal.name == "forged session":
            client = self.app.test_client()
            with client.session_transaction() as stored:
                stored["login"] = "x" * 43
            return client
        if principal.name in (SUSPENDED, EXPIRED, REDUCED):
            call = calls.register_organisation(
                OrganisationKind.FRANCHISEE,
                gln(600 + (SUSPENDED, EXPIRED, REDUCED).index(principal.name)),
                ALL_ROLES,
                principal.name,
            )
            organisation = self.members.submit(REGISTRAR, call).event("OrganisationRegistered").args["organisation"]
            self._losing = getattr(self, "_losing", {}) | {principal.name: organisation}
            self.members.appoint(address, organisation, ALL_ROLES)
        elif principal.name != "stranger":
            lost = principal.organisation is None or "lost" in principal.name
            self.members.appoint(address, principal.organisation or MAKER, ALL_ROLES if lost else principal.roles)
        return client_of(self.app, address)

    def _withdraw(self):
        members = self.members
        now = int(members.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        members.submit(REGISTRAR, calls.dismiss_operator(address_of("matrix dismissed")))
        members.appoint(address_of("matrix expired operator"), MAKER, ALL_ROLES, now + 30)
        members.appoint(address_of("matrix role lost by the operator"), MAKER, Role.GATEWAY)
        members.submit(REGISTRAR, calls.suspend_organisation(self._losing[SUSPENDED]))
        members.submit(REGISTRAR, calls.change_organisation(self._losing[EXPIRED], ALL_ROLES, now + 30))
        members.submit(REGISTRAR, calls.change_organisation(self._losing[REDUCED], Role.LOGISTICS, FOREVER))
        members.rpc.call("evm_increaseTime", 60)
        members.rpc.call("evm_mine")
        members.sync()

    def cells(self):
        """Return (form, principal, object) for the whole matrix."""
        return list(product(FORMS, principals(), OBJECTS))

    def check(self, form, principal, line):
        """Send the request of a cell. Return None, or what is wrong with the answer."""
        key = self.keys[line]
        path = form.path.format(gtin=key.gtin, lot=key.lot, id=key.batch_id.hex())
        options = {"data": form.data} | ({"content_type": form.media_type} if form.media_type else {})
        client = self.app.test_client() if form.rule == ENDS_SESSION else self.clients[principal.name]
        answer = client.open(path, method=form.method, **options)
        answer.close()  # ends a stream
        status, location = answer.status_code, answer.headers.get("Location", "")
        denied = status in (401, 403) or (status == 303 and location.startswith("/login?next="))
        outcome = f"{form.method} {path} as {principal.name}: {status} {location}".rstrip()
        if form.rule == STATE:
            return None if status in (200, 503) else outcome
        if status >= 500:
            return outcome
        if form.rule in (ANSWERED, ENDS_SESSION):
            return None
        if form.rule == PUBLIC:
            unknown = line == UNKNOWN and "{" in form.path and status in (200, 404)
            return None if status in (200, 304) or unknown else outcome
        if form.rule == TOKEN:
            return None if status == 401 else outcome
        if form.rule in (PASSWORD, DEPARTMENT):
            return None if status >= 400 else outcome
        if form.rule == NO_ROLE:
            allowed = principal.organisation is not None
        elif form.rule in (MEMBER, ALARMS):
            allowed = principal.organisation == MAKER and principal.has(CONSOLE_ROLES)
            allowed = allowed and (form.rule == MEMBER or principal.has(ALARM_ROLES))
        elif isinstance(form.rule, Role):
            allowed = principal.has(form.rule)
        elif line == UNKNOWN:
            return None if denied or status == 404 else outcome
        else:
            allowed = form.rule(principal, line)
            if not allowed:
                return None if denied or status == 404 else f"{outcome}, expected an error"
            return f"{outcome}, expected access" if denied or status == 404 else None
        return None if allowed != denied else f"{outcome}, expected {'access' if allowed else 'an error'}"
