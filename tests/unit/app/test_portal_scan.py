"""Photos in the scan form: concurrency."""

from __future__ import annotations

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app import create_app
from app.consumer import scanning
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.qr import encode

URI = "http://127.0.0.1:8000/01/09521234543213/10/L2410A"
JSON = {"Accept": "application/json"}


def _post(client):
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/scan").text).group(1)
    data = {"photo": (io.BytesIO(encode(URI).png()), "label.png"), "csrf_token": token}
    return client.post("/scan", data=data, headers=JSON)


@pytest.mark.parametrize(("threads", "read"), [(8, 4), (1, 1)])
def test_photos_take_at_most_half_of_the_threads(config, monkeypatch, threads, read):
    """Two are decoded at a time; those beyond half of the threads are rejected at once."""
    answered, most, running, lock = threading.Event(), [0], [0], threading.Lock()

    def blocking(photo, base):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        assert answered.wait(60)
        with lock:
            running[0] -= 1
        return DigitalLink.parse(URI)

    monkeypatch.setattr(scanning, "read_link", blocking)
    app = create_app(replace(config, threads=threads))
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(_post, app.test_client()) for _ in range(8)]
        while sum(answer.done() for answer in answers) < 8 - read:
            assert answered.wait(0.01) is False
        rejected = [answer.result() for answer in answers if answer.done()]
        answered.set()
        codes = sorted(answer.result().status_code for answer in answers)
    assert codes == [200] * read + [503] * (8 - read)
    assert most[0] == min(read, scanning.CONCURRENT_PHOTOS)
    assert {answer.json["error"] for answer in rejected} == {"BusyError"}
    assert _post(app.test_client()).json == {"location": "/01/09521234543213/10/L2410A"}
