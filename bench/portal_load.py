"""Pages of a visitor while a portal is attacked: slow clients, large bodies, image bombs, hostile queries.

The portal runs as `chromatrace portal serve` with its default workers and without rate limits, on a chain with
`CHROMATRACE_LOAD_BATCHES` batches. Attackers are separate processes on the same machine. A visitor opens a new
connection for each page of a lot. Each attack lasts `SECONDS`.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
from PIL import Image

from bench.figure import Figure
from bench.index_backfill import deploy, register
from chromatrace.chain.dev_node import DevNode, ends_with_starter
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.storage.ports import url_at

BATCHES = int(os.environ.get("CHROMATRACE_LOAD_BATCHES", "20000"))
SECONDS = 10.0
TARGET_S = 2.0
"""Limit of the 95th percentile of a visitor's pages. Attackers, visitors and portal share the cores of one machine."""
PAGE = "/01/09521234543213/10/L000007"
NO_LIMITS = [f"--{name}-limit=1000000 per minute" for name in ("page", "api", "scan", "login")]
MEBIBYTE = 1024**2
_PREPARATION_S = 120.0


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure each attack on one portal."""
    with tempfile.TemporaryDirectory() as folder, DevNode() as node:
        manifest = deploy(node, Path(folder))
        register(RpcClient(node.url, 120.0), manifest, BATCHES, progress)
        with _portal(node, Path(folder)) as (url, process_id):
            figures = [_throughput(url)]
            for name, attack in ATTACKS.items():
                progress(name)
                figures += _measure(name, attack, url, process_id)
    return figures


def idle_connections(url: str, ready: Event) -> None:
    """Open 1,000 connections and send nothing."""
    connections = [_connect(url) for _ in range(1_000)]
    ready.set()
    while connections:
        time.sleep(1)


def slow_headers(url: str, ready: Event) -> None:
    """Keep 500 connections with half a header, and send another byte in each every 5 s."""
    _trickle(url, b"GET / HTTP/1.1\r\nHost: portal\r\nX-Padding: ", 500, ready)


def slow_bodies(url: str, ready: Event) -> None:
    """Keep 500 connections with a part of a login form, and send another byte in each every 5 s."""
    _trickle(url, b"POST /login HTTP/1.1\r\nHost: portal\r\nContent-Length: 60000\r\n\r\nname=", 500, ready)


def large_bodies(url: str, ready: Event) -> None:
    """Send bodies of 400 MiB, declared and chunked, from eight threads."""

    def send(number: int) -> None:
        headers = [f"Content-Length: {400 * MEBIBYTE}", "Transfer-Encoding: chunked"][number % 2]
        path = ["/", "/login", "/scan", "/api/v1/records/files?schema=a"][number % 4]
        chunk = bytes(65_536)
        framed = chunk if number % 2 == 0 else b"10000\r\n" + chunk + b"\r\n"
        while True:
            with contextlib.suppress(OSError), _connect(url) as connection:
                connection.sendall(f"POST {path} HTTP/1.1\r\nHost: portal\r\n{headers}\r\n\r\n".encode())
                for _ in range(400 * 16):
                    connection.sendall(framed)

    ready.set()
    _in_threads(send, 8)


def image_bombs(url: str, ready: Event) -> None:
    """Upload a JPEG of noise with 49 megapixels and a PNG with 400 megapixels from eight threads."""
    noise, flat = io.BytesIO(), io.BytesIO()
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 256, (7_000, 7_000, 3), dtype=np.uint8)).save(noise, "JPEG", quality=20)
    Image.new("1", (20_000, 20_000)).save(flat, "PNG")
    photos = [noise.getvalue(), flat.getvalue()]

    def send(number: int) -> None:
        while True:
            with contextlib.suppress(OSError, HTTPException):
                if (status := _upload(url, photos[number % 2])) not in (413, 422, 503):
                    print(f"a photo got {status}", file=sys.stderr)

    ready.set()
    _in_threads(send, 8)


def hostile_queries(url: str, ready: Event) -> None:
    """Repeat EPCIS queries that match nothing, or everything, from eight threads."""
    queries = ("EQ_bizStep=xyz", "MATCH_anyEPC=urn:epc:idpat:sgtin:*.*.*&perPage=1000", "EQ_disposition=stolen")

    def send(number: int) -> None:
        query = quote(queries[number % len(queries)], safe="=&:*")
        while True:
            _status(f"{url}/epcis/v2/events?{query}")

    ready.set()
    _in_threads(send, 8)


ATTACKS: dict[str, Callable[[str, Event], None]] = {
    "1,000 idle connections": idle_connections,
    "500 slow headers": slow_headers,
    "500 slow bodies": slow_bodies,
    "8 bodies of 400 MiB at once": large_bodies,
    "8 image bombs at once": image_bombs,
    "8 hostile queries at once": hostile_queries,
}


def _throughput(url: str) -> Figure:
    """Measure the pages of eight visitors without an attack."""
    end, count = time.monotonic() + SECONDS, 0
    with ThreadPoolExecutor(8) as executor:
        while time.monotonic() < end:
            count += sum(status == 200 for status in executor.map(_status, [url + PAGE] * 32))
    return Figure("portal: pages of a lot, eight visitors", count / SECONDS, "1/s", "higher")


def _measure(name: str, attack: Callable[[str, Event], None], url: str, process_id: int) -> list[Figure]:
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    attacker = spawn.Process(target=attack, args=(url, ready), daemon=True)
    attacker.start()
    if not ready.wait(_PREPARATION_S):
        raise RuntimeError(f"the attack with {name} did not start within {_PREPARATION_S:.0f} s")
    stored: list[int] = []
    stop = threading.Event()
    watch = threading.Thread(target=_watch_files, args=(process_id, stored, stop))
    watch.start()
    times, failed, end = [], 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        started = time.perf_counter()
        failed += _status(url + PAGE) != 200
        times.append(time.perf_counter() - started)
        time.sleep(0.05)
    stop.set()
    watch.join()
    attacker.terminate()
    attacker.join()
    slow = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    figures = [
        Figure(f"portal: a visitor's page during {name}, 95th percentile", slow, "s", "lower", target=TARGET_S),
        Figure(f"portal: failed pages during {name}", failed, "pages", "lower", target=0),
    ]
    if attack is large_bodies:
        size = max(stored, default=0) / MEBIBYTE
        figures.append(Figure(f"portal: temporary files during {name}", size, "MiB", "lower", target=512))
    if attack is image_bombs:
        memory = sum(map(_memory, _processes(process_id))) / MEBIBYTE
        figures.append(Figure(f"portal: memory of all processes after {name}", memory, "MiB", "lower", target=1_000))
    return figures


@contextmanager
def _portal(node: DevNode, folder: Path) -> Iterator[tuple[str, int]]:
    """Serve the portal while the block lasts; yield its URL and the id of the parent process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = url_at("127.0.0.1", port)
    manifest = folder / f"{node.chain_id}.json"
    command = [sys.executable, "-m", "chromatrace.cli", "--data", str(folder / "data"), "--rpc-url", node.url]
    command += ["--manifest", str(manifest), "portal", "serve", "--port", str(port), *NO_LIMITS]
    with (folder / "portal.log").open("wb") as log:
        process = subprocess.Popen(ends_with_starter(command), stdout=log, stderr=log)
    try:
        while _status(url + PAGE) != 200:
            if process.poll() is not None:
                raise RuntimeError((folder / "portal.log").read_text())
            time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(60)


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=60)


def _trickle(url: str, start: bytes, count: int, ready: Event) -> None:
    connections: list[socket.socket] = []
    while True:
        while len(connections) < count:
            connections.append(_connect(url))
            connections[-1].sendall(start)
        ready.set()
        time.sleep(5)
        for connection in list(connections):
            try:
                connection.sendall(b"a")
            except OSError:
                connections.remove(connection)


def _upload(url: str, photo: bytes) -> int:
    """Upload a photo with the form of the page and return the status."""
    with urllib.request.urlopen(f"{url}/scan", timeout=60) as page:
        cookie = str(page.headers["Set-Cookie"]).partition(";")[0]
        found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page.read().decode())
    token = found.group(1) if found else ""
    head = f'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
    head += '--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    body = head.encode() + photo + b"\r\n--b--\r\n"
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Cookie": cookie, "Referer": f"{url}/scan"}
    connection.request("POST", "/scan", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def _status(url: str) -> int:
    """Return the status of a GET on a new connection; 0 without a response."""
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, HTTPException):
        return 0


def _in_threads(task: Callable[[int], None], count: int) -> None:
    with ThreadPoolExecutor(count) as executor:
        list(executor.map(task, range(count)))


def _processes(parent: int) -> set[int]:
    """Return a process and its descendants."""
    found = {parent}
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            found |= _processes(int(child))
    return found


def _memory(process_id: int) -> int:
    """Return the resident memory in bytes."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _watch_files(parent: int, sizes: list[int], stop: threading.Event) -> None:
    """Add the size of the unnamed temporary files of all processes to `sizes`, repeatedly."""
    while not stop.wait(0.2):
        total = 0
        for process_id in _processes(parent):
            with contextlib.suppress(OSError):
                for entry in Path(f"/proc/{process_id}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        total += entry.stat().st_size if "(deleted)" in str(entry.readlink()) else 0
        sizes.append(total)
