"""A production portal with two workers behind a real nginx with TLS."""

from __future__ import annotations

import pickle
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from eth_account import Account

from app.store import PortalDatabase
from app.store.rate_counts import SqlRateStorage

sys.path.insert(0, str(Path(__file__).parent))

from served_portal import offline_settings

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
ORIGIN = "https://trace.example"
PAGE = "/01/09521234543213"
PROXY, FIRST, SECOND = "127.0.0.1", "127.0.0.2", "127.0.0.3"

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location / {{
            proxy_pass http://127.0.0.1:{portal};
            proxy_bind {proxy};
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host;
        }}
    }}
}}
"""

PORTAL = """
import pickle, sys
from contextlib import contextmanager
from pathlib import Path

from app import create_app
from app.workers import serve

config = pickle.loads(Path(sys.argv[1]).read_bytes())


@contextmanager
def start():
    yield create_app(config)


serve(start, config, lambda: print("listening", flush=True))
"""


def _write_certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trace.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(private)


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _start_nginx(folder, portal_port):
    _write_certificate(folder)
    port = _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, portal=portal_port, proxy=PROXY))
    process = subprocess.Popen([NGINX, "-p", folder, "-c", configuration], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return process, port
        except OSError:
            assert process.poll() is None, process.stderr.read() + Path(folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)


class Site:
    """The portal, directly and through nginx."""

    def __init__(self, portal_port, proxy_port):
        self._portal_port, self._proxy_port = portal_port, proxy_port

    def visitor(self, address, **headers):
        """Return a client that connects to nginx from `address`."""
        transport = httpx.HTTPTransport(local_address=address, verify=False)
        base_url = f"https://127.0.0.1:{self._proxy_port}"
        return httpx.Client(base_url=base_url, transport=transport, headers={"Host": "trace.example"} | headers)

    def direct(self, address, **headers):
        """Return a client that connects to the portal itself."""
        transport = httpx.HTTPTransport(local_address=address)
        return httpx.Client(base_url=f"http://127.0.0.1:{self._portal_port}", transport=transport, headers=headers)


@pytest.fixture(scope="module")
def running_site(tmp_path_factory):
    if NGINX is None:
        pytest.skip("nginx is not installed (apt-get install nginx)")
    folder, portal_port = tmp_path_factory.mktemp("portal"), _free_port()
    settings = offline_settings(
        folder,
        chain_id=8453,
        production=True,
        base_url=ORIGIN,
        trusted_proxies=(PROXY,),
        page_limit="3 per hour",
        port=portal_port,
        workers=2,
    )
    (folder / "settings").write_bytes(pickle.dumps(settings))
    portal = subprocess.Popen([sys.executable, "-c", PORTAL, folder / "settings"], stdout=subprocess.PIPE, text=True)
    assert portal.stdout.readline() == "listening\n"
    process, proxy_port = _start_nginx(folder, portal_port)
    with closing(PortalDatabase(settings.portal_database)) as database:
        yield Site(portal_port, proxy_port), database
    for running in (process, portal):
        running.terminate()
        running.communicate(timeout=120)
    assert portal.returncode == 0


@pytest.fixture
def site(running_site):
    """Return the site with new rate counters."""
    site, database = running_site
    SqlRateStorage("portal://", database=database).reset()
    return site


def statuses(client, count, **options):
    return [client.get(PAGE, **options).status_code for _ in range(count)]


def test_visitors_have_separate_rate_limits(site):
    with site.visitor(FIRST) as first, site.visitor(SECOND) as second:
        assert statuses(first, 4) == [200, 200, 200, 429]
        assert statuses(second, 4) == [200, 200, 200, 429]


def test_visitor_cannot_forge_address(site):
    forged = [f"192.0.2.{number}" for number in range(3)] + [f"{PROXY}, {PROXY}", "not an address", "[::1]:80, ,"]
    with site.visitor(FIRST) as visitor:
        assert statuses(visitor, 3) == [200] * 3
        for text in forged:
            assert visitor.get(PAGE, headers={"X-Forwarded-For": text}).status_code == 429
        for name in ("X-Real-IP", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"):
            assert visitor.get(PAGE, headers={name: "192.0.2.9"}).status_code == 429


def test_client_that_bypasses_proxy_is_not_trusted(site):
    with site.direct(SECOND) as client:
        assert statuses(client, 3, headers={"X-Forwarded-For": FIRST}) == [200] * 3
        assert client.get(PAGE, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 429
    with site.visitor(FIRST) as victim:
        assert victim.get(PAGE).status_code == 200


def test_redirects_and_cookies_use_public_origin(site):
    with site.visitor(FIRST) as visitor:
        redirect = visitor.get("/partners/")
        assert (redirect.status_code, redirect.headers["Location"]) == (303, "/login?next=/partners/")
        assert visitor.get("/partners").headers["Location"] == "/partners/"
        page = visitor.get("/login")
        cookie = page.headers["Set-Cookie"]
        assert cookie.startswith("__Host-chromatrace=")
        assert "Secure" in cookie
        assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1)
        session = {"Cookie": cookie.partition(";")[0]}
        form = {"name": "shop", "password": "a wrong password", "csrf_token": token}
        own = visitor.post("/login", data=form, headers=session | {"Referer": f"{ORIGIN}/login"})
        assert own.status_code == 401
        other = visitor.post("/login", data=form, headers=session | {"Referer": "https://evil.example/"})
        assert (other.status_code, "form has expired" in other.text) == (400, True)


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host"])
def test_forged_host_does_not_appear(site, header):
    with site.direct(SECOND, **{header: "evil.example"}) as client:
        for path in ("/partners", "/partners/", "/01//09521234543213", f"{PAGE}/10/L1?format=json"):
            response = client.get(path)
            assert "evil.example" not in response.text + str(response.headers)
        token = re.search(r'data-csrf="([^"]+)"', client.get("/login").text).group(1)
        assert token


def test_wallet_message_names_public_origin(site):
    address = Account.from_key(b"\7" * 32).address
    with site.visitor(FIRST) as visitor:
        page = visitor.get("/login")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1)
        headers = {
            "Cookie": page.headers["Set-Cookie"].partition(";")[0],
            "Referer": f"{ORIGIN}/login",
            "X-CSRFToken": token,
        }
        challenge = visitor.post("/login/wallet/challenge", data={"address": address}, headers=headers)
        assert challenge.status_code == 200, challenge.text
        assert challenge.json()["message"].startswith("trace.example wants you to sign in")


@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_body_limits_hold_behind_the_proxy(site, framing):
    body = b"name=" + b"a" * 200_000
    content = body if framing == "declared" else iter([body])
    with site.visitor(FIRST) as visitor:
        answer = visitor.post("/login", content=content)
        assert (answer.status_code, "File too large" in answer.text) == (413, True)
        assert visitor.get("/").status_code == 200
