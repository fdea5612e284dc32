"""One consortium on a real chain for all tests of the portal, a served portal, and a headless browser."""

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
PATIENCE_MS = 120_000
"""How long a page may take to show what it must."""
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
    """See `portal_world`. Tests may change it, each its own batch."""
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
    """A portal that answers at `url`."""

    url: str
    world: object


@pytest.fixture
def portal(world):
    """The portal of `world`, served as it is in production, with a follower beside it.

    For one test: others look at what the index does not have yet, which no follower may bring in behind their backs.
    """
    from waitress import create_server

    from app import create_app

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = create_server(create_app(world.config(url), world.spool), sockets=[listener], threads=4)
        serving = threading.Thread(target=_answer, args=(server,), daemon=True)
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


def _answer(server):
    with contextlib.suppress(OSError):  # closing its socket is how waitress is stopped from another thread
        server.run()


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium; tests that need it are skipped where it is absent.

    One a module: while it is there an event loop runs in this thread, and tests of other modules want their own.
    """
    if CHROMIUM is None:
        pytest.skip("chromium is absent (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def page(request, chromium, portal):
    """A page on a phone, with and without JavaScript. What the browser complains of fails the test.

    It ends before the portal does, which a page that looks for news would miss.
    """
    context = chromium.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=request.param)
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()
    # A page that answers 404 on purpose is reported by the browser too.
    assert [text for text in complaints if "status of 4" not in text] == []
