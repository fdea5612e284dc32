"""Find the page of a code in a photo."""

from __future__ import annotations

import threading

from flask import jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from app.consumer.pages import page_of
from app.context import current_portal
from app.errors import BusyError, http_status
from app.responses import wants_json
from chromatrace.domain.errors import InvalidInput
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.errors import NoCodeFoundError
from chromatrace.identity.scan import read_link

CONCURRENT_PHOTOS = 2
"""Photos that a worker process reads at the same time."""


class ScanView:
    """The scan page. `threads` is the number of requests that the worker serves at the same time.

    At most half of them read photos or wait for it, so the others serve pages meanwhile.
    """

    def __init__(self, threads: int) -> None:
        self._requests = threading.BoundedSemaphore(max(1, threads // 2))
        self._reading = threading.BoundedSemaphore(CONCURRENT_PHOTOS)

    def scan(self) -> ResponseReturnValue:
        """Show the scan page; with a posted `photo`, redirect to the page of the code in it. Photos are not stored."""
        if request.method == "GET":
            return render_template("consumer/scan.html")
        photo = request.files.get("photo")
        try:
            if photo is None or not photo.filename:
                raise InvalidInput("no photo was sent", field="photo", hint="choose a photo first")
            location = page_of(self._read(photo.stream.read()))
        except InvalidInput as error:
            if wants_json():
                return jsonify(error.as_dict()), 422 if isinstance(error, NoCodeFoundError) else http_status(error)
            return render_template("consumer/scan.html", error=error), 422
        return jsonify({"location": location}) if wants_json() else redirect(location, 303)

    def _read(self, photo: bytes) -> DigitalLink:
        if not self._requests.acquire(blocking=False):
            raise BusyError("the portal is reading other photos", hint="send the photo again in a few seconds")
        try:
            with self._reading:
                return read_link(photo, current_portal().config.base_url)
        finally:
            self._requests.release()
