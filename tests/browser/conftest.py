"""A consortium on a real chain, a portal, and a headless browser."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "browser"))

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TIMEOUT_MS = 120_000
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def world(deploy, tmp_path_factory):
    """Return the consortium of `portal_world`. Each test changes only its own batches."""
    from portal_world import build_world

    from chromatrace.chain.dev_node import DevNode

    folder = tmp_path_factory.mktemp("portal")
    with DevNode(history=True) as node:
        built = build_world(node, deploy(node, folder), folder)
        yield built
        built.close()


@pytest.fixture(scope="module")
def portal_app(world):
    limits = {"login_limit": "1000 per minute", "account_limit": "1000 per minute"}
    from portal_client import BASE

    from app import create_app

    return create_app(world.config(BASE, **limits), world.spool)


@pytest.fixture
def client(portal_app):
    return portal_app.test_client()


@dataclass(frozen=True)
class Served:
    """A running portal at `url`."""

    url: str
    world: object


@pytest.fixture
def portal(world):
    """Serve the portal of `world` with a follower.

    Per test, because other tests need an index that does not change by itself.
    """
    from waitress import create_server

    from app import create_app

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = create_server(create_app(world.config(url), world.spool), sockets=[listener], threads=4)
        serving = threading.Thread(target=_serve, args=(server,), daemon=True)
        stop = threading.Event()
        following = threading.Thread(target=world.follower.run, args=(stop, 0.2))
        serving.start()
        following.start()
        try:
            yield Served(url, world)
        finally:
            stop.set()
            following.join()
            server.close()


def _serve(server):
    with contextlib.suppress(OSError):  # closing its socket stops waitress from another thread
        server.run()


@pytest.fixture(scope="module")
def chromium():
    """Start a headless Chromium; skip the test if it is not installed.

    Per module, because its event loop runs in this thread and other modules need their own.
    """
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=TIMEOUT_MS)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=TIMEOUT_MS)
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def page(request, chromium, portal):
    """Open a page in phone size, with and without JavaScript. Console errors of the browser fail the test.

    Closed before the portal stops, because pages poll it.
    """
    context = chromium.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=request.param)
    page = context.new_page()
    console_errors = []
    page.on("console", lambda message: console_errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: console_errors.append(str(error)))
    page.set_default_timeout(TIMEOUT_MS)
    yield page
    context.close()
    # The browser also logs intended 404 responses.
    assert [text for text in console_errors if "status of 4" not in text] == []
