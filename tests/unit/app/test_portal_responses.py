"""Responses of a portal without a chain, and rules for all responses."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

import app as portal_package
from app import create_app
from app.accounts import create_account
from app.errors import LoginRequiredError, RateLimitError, http_status
from app.responses import local_path
from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, NotAuthorised, NotFound, Unavailable
from chromatrace.identity.qr import encode

GTIN = "09521234543213"
APP = Path(portal_package.__file__).parent
TEMPLATES = sorted((APP / "templates").rglob("*.html"))


def _token(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1)


def _photo(uri):
    return {"photo": (io.BytesIO(encode(uri).png()), "label.png")}


# -- headers and templates


@pytest.mark.parametrize("path", ["/", "/scan", "/login", f"/01/{GTIN}", f"/01/{GTIN}/10/NOPE", "/nothing", "/healthz"])
def test_all_responses_have_security_headers(client, path):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert ("camera=(self)" in headers["Permissions-Policy"]) == (path == "/scan")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_comply_with_content_security_policy(path):
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", text)


@pytest.mark.parametrize("path", [*TEMPLATES, *sorted((APP / "presenters").glob("*.py"))], ids=lambda path: path.name)
def test_pages_never_claim_authenticity(path):
    assert not re.search(r"genuine|authentic(?!at)", path.read_text(), re.IGNORECASE)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/epcis/v2/capture"), ("POST", "/api/v1/records"), ("POST", "/api/v1/records/files"), ("POST", "/login")],
)
def test_requests_of_other_sites_change_nothing(client, method, path, site):
    answer = client.open(path, method=method, headers={"Sec-Fetch-Site": site, "Accept": "application/json"})
    assert (answer.status_code, answer.json["message"]) == (403, "this request comes from another site")


def test_cookies_and_form_tokens_are_signed_with_sha_256(config):
    client = create_app(config).test_client()
    token = _token(client.get("/login"))
    for signed in (client.get_cookie("chromatrace").value, token):
        assert len(base64.urlsafe_b64decode(signed.rpartition(".")[2] + "==")) == 32


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/scan.js", "text/javascript; charset=utf-8"),
        ("/static/portal.css", "text/css; charset=utf-8"),
        ("/static/mark.svg", "image/svg+xml; charset=utf-8"),
        (f"/qr/{GTIN}/L1.svg", "image/svg+xml; charset=utf-8"),
        (f"/qr/{GTIN}/L1.png", "image/png"),
        ("/graph.css", "text/css; charset=utf-8"),
        ("/api/v1/openapi.json", "application/json"),
        ("/nothing", "text/html; charset=utf-8"),
        ("/api/nothing", "application/problem+json"),
    ],
)
def test_content_types_have_a_character_set(client, path, content_type):
    assert client.get(path).headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    "path", ["/.git/config", "/static/../../pyproject.toml", "/static/%2e%2e/accounts.py", "/.env"]
)
def test_source_and_settings_are_not_served(client, path):
    assert client.get(path).status_code == 404


def test_redirect_does_not_repeat_forged_host(client):
    answer = client.get("/partners", base_url="https://elsewhere.example")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/partners/")
    assert client.get(f"/01//{GTIN}", base_url="https://elsewhere.example").headers["Location"] == f"/01/{GTIN}"


@pytest.mark.parametrize("number", [2**63, 10**30])
def test_organisation_number_beyond_64_bits_is_not_found(client, number):
    answer = client.get(f"/api/v1/organisations/{number}")
    assert (answer.status_code, answer.json["field"]) == (404, "organisation")


def test_public_pages_set_no_cookie(client):
    for path in ("/", f"/01/{GTIN}", f"/01/{GTIN}/10/NOPE", f"/qr/{GTIN}/L1.svg"):
        assert "Set-Cookie" not in client.get(path).headers


# -- codes


def test_unregistered_batch_is_not_found(client):
    answer = client.get(f"/01/{GTIN}/10/NOPE")
    assert answer.status_code == 404
    assert "Unknown batch" in answer.text
    as_json = client.get(f"/01/{GTIN}/10/NOPE?format=json")
    assert (as_json.status_code, as_json.json["status"]) == (404, "unknown")
    assert client.get(f"/01/{GTIN}/10/NOPE", headers={"Accept": "application/json"}).json["lot"] == "NOPE"
    assert client.get(f"/api/v1/batches/{GTIN}/NOPE").status_code == 404


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/01/09521234543214/10/L1", "(01)"),
        (f"/01/{GTIN}/10/", "path"),
        (f"/01/{GTIN}/21/1/10/L1", "path"),
        (f"/01/{GTIN}/10/L%20", "(10)"),
        (f"/01/{GTIN}/10/{'L' * 21}", "(10)"),
        ("/01/123/10/L1", "(01)"),
    ],
)
def test_malformed_code_reports_field(client, path, field):
    answer = client.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json["error"] == "DigitalLinkError"
    assert answer.json["field"] == field
    assert client.get(path).status_code == 400


def test_lot_may_contain_slash(client):
    answer = client.get(f"/01/{GTIN}/10/A%2FB?format=json")
    assert answer.json["lot"] == "A/B"
    assert answer.json["uri"].endswith("/10/A%2FB")
    assert client.get(f"/api/v1/batches/{GTIN}/A%2FB").json["lot"] == "A/B"
    assert b"10/A%2FB" in client.get(f"/qr/{GTIN}/A%2FB.svg").data


def test_lookup_redirects_to_page(client):
    answer = client.get(f"/lookup?gtin={GTIN}&lot=A/B&serial=7")
    assert (answer.status_code, answer.location) == (303, f"/01/{GTIN}/10/A%2FB/21/7")
    for code in (f"]Q301{GTIN}10A/B\x1d217", f"(01){GTIN}(10)A/B(21)7", f"01{GTIN}21" + "7\x1d10A/B"):
        assert client.get("/lookup", query_string={"code": code}).location == answer.location
    invalid = client.get("/lookup", query_string={"code": f"]d201{GTIN}99"}, headers={"Accept": "application/json"})
    assert (invalid.status_code, invalid.json["field"]) == (400, "(99)")
    invalid = client.get("/lookup?gtin=1&lot=L1")
    assert invalid.status_code == 400
    assert "14 digits" in invalid.text


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_qr_code_images(client, kind):
    answer = client.get(f"/qr/{GTIN}/L2410A/000042.{kind}")
    assert answer.status_code == 200
    assert answer.mimetype == {"svg": "image/svg+xml", "png": "image/png"}[kind]
    assert client.get(f"/qr/{GTIN}/L2410A.gif").status_code == 404


# -- scanning


def test_photo_redirects_to_page_of_its_code(client):
    data = _photo(f"http://127.0.0.1:8000/01/{GTIN}/10/L1/21/5")
    data["csrf_token"] = _token(client.get("/scan"))
    answer = client.post("/scan", data=data)
    assert (answer.status_code, answer.location) == (303, f"/01/{GTIN}/10/L1/21/5")


def test_code_of_another_site_names_that_site(client):
    data = _photo(f"https://evil.example/01/{GTIN}/10/L1")
    data["csrf_token"] = _token(client.get("/scan"))
    answer = client.post("/scan", data=data, headers={"Accept": "application/json"})
    assert answer.json == {"location": f"/01/{GTIN}/10/L1?code-host=evil.example"}


@pytest.mark.parametrize(
    ("photo", "error"), [(b"", "NotAnImageError"), (b"not an image", "NotAnImageError"), (None, "InvalidInput")]
)
def test_invalid_photo_is_rejected(client, photo, error):
    data = {"csrf_token": _token(client.get("/scan"))}
    if photo is not None:
        data["photo"] = (io.BytesIO(photo), "x.png")
    answer = client.post("/scan", data=data, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json["error"] == error
    assert answer.json["field"] == "photo"


def test_photo_requires_csrf_token(client):
    answer = client.post("/scan", data=_photo(f"https://a.example/01/{GTIN}/10/L1"))
    assert answer.status_code == 400
    assert "form has expired" in answer.text


def test_oversized_photo_is_rejected(config):
    client = create_app(replace(config, max_upload_bytes=2000)).test_client()
    token = _token(client.get("/scan"))
    data = {"csrf_token": token, "photo": (io.BytesIO(b"x" * 5000), "x.png")}
    assert client.post("/scan", data=data).status_code == 413


# -- login


def test_workspace_requires_login(client):
    answer = client.get("/partners/")
    assert (answer.status_code, answer.location) == (303, "/login?next=/partners/")
    as_json = client.get("/partners/", headers={"Accept": "application/json"})
    assert (as_json.status_code, as_json.json["error"]) == (401, "LoginRequiredError")
    assert client.get("/console/").location == "/login?next=/console/"


@pytest.mark.parametrize("path", ["/login", "/logout", "/login/wallet", "/login/wallet/challenge", "/scan"])
def test_forms_require_csrf_token(client, path):
    assert client.post(path, data={}).status_code == 400


def test_login_requires_chain(config, database):
    create_account(database, config.keys, "shop", "seven grey panes of glass", wallet_address="0x" + "ab" * 20)
    client = create_app(config).test_client()
    form = {"name": "shop", "password": "seven grey panes of glass", "csrf_token": _token(client.get("/login"))}
    answer = client.post("/login", data=form)
    assert answer.status_code == 503
    assert "Chain unavailable" in answer.text
    assert client.get("/partners/").status_code == 303


def test_wrong_password_and_unknown_name_show_the_same_page(config, database):
    create_account(database, config.keys, "shop", "seven grey panes of glass", wallet_address="0x" + "ab" * 20)
    client = create_app(config).test_client()
    pages = []
    for name in ("shop", "nope"):
        form = {"name": name, "password": "not it at all", "csrf_token": _token(client.get("/login"))}
        answer = client.post("/login", data=form)
        assert answer.status_code == 401
        pages.append(re.sub(r'value="[^"]*"|data-csrf="[^"]*"', "", answer.text))
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("setting", "path", "method"),
    [
        ("login_limit", "/login", "POST"),
        ("scan_limit", "/scan", "POST"),
        ("api_limit", "/api/v1/organisations", "GET"),
        ("page_limit", f"/01/{GTIN}", "GET"),
        ("page_limit", "/healthz", "GET"),
    ],
)
def test_rate_limit_error_has_standard_format(config, setting, path, method):
    client = create_app(replace(config, **{setting: "2 per hour"})).test_client()
    data = {"csrf_token": _token(client.get("/login"))} if method == "POST" else None
    last = [client.open(path, method=method, data=data, headers={"Accept": "application/json"}) for _ in range(3)][-1]
    assert last.status_code == 429
    assert last.json["error"] == "RateLimitError"
    assert {"message", "hint"} <= last.json.keys()


def test_addresses_of_one_ipv6_network_share_a_limit(config):
    client = create_app(replace(config, page_limit="2 per hour")).test_client()
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3", "2001:db8:1:3::1"]
    codes = [client.get("/lookup", environ_base={"REMOTE_ADDR": address}).status_code for address in addresses]
    assert codes == [400, 400, 429, 400]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/partners/", "/partners/"),
        ("//evil.example", None),
        ("/\\evil.example", None),
        ("https://evil.example", None),
        ("/a\r\nb", None),
        ("", None),
        (None, None),
    ],
)
def test_login_redirects_to_local_paths_only(target, expected):
    assert local_path(target) == expected


# -- errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput, 400),
        (LoginRequiredError, 401),
        (NotAuthorised, 403),
        (NotFound, 404),
        (Conflict, 409),
        (RateLimitError, 429),
        (IntegrityError, 500),
        (Unavailable, 503),
    ],
)
def test_error_status(error, status):
    assert http_status(error("no")) == status


def test_unexpected_error_reveals_nothing(client, monkeypatch):
    monkeypatch.setattr("app.consumer.pages.render_template", lambda *_: 1 / 0)
    client.application.testing = False
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    answer = client.get("/")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "Traceback" not in answer.text


def test_broken_index_reveals_no_path(config):
    app = create_app(replace(config, index_url=f"sqlite:///{config.data_folder / 'no-such.db'}"))
    answer = app.test_client().get(f"/01/{GTIN}/10/L1", headers={"Accept": "application/json"})
    assert answer.status_code == 503
    assert str(config.data_folder) not in answer.text


def test_health_reports_unavailable_chain(client):
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json["status"] == "chain-unavailable"
    assert answer.json["indexed_block"] == -1


def test_resolver_description(client):
    answer = client.get("/.well-known/gs1resolver")
    assert answer.json["resolverRoot"] == "http://127.0.0.1:8000"
    assert client.get(f"/01/{GTIN}/10/NOPE?linkType=all").status_code == 404
