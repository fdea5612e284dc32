"""From a photo of a code to its page."""

from __future__ import annotations

from typing import Any

from flask import jsonify, redirect, render_template, request

from app.consumer.pages import destination
from app.errors import status_of
from app.responses import wants_json
from chromatrace.domain.errors import InvalidInput
from chromatrace.identity.errors import NoCodeFoundError
from chromatrace.identity.scan import read_link


def scan() -> Any:
    """The page for scanning; with a posted `photo`, leads to the page of the code in it. Photos are not kept."""
    if request.method == "GET":
        return render_template("consumer/scan.html")
    photo = request.files.get("photo")
    try:
        if photo is None or not photo.filename:
            raise InvalidInput("no picture was sent", field="photo", hint="choose a picture first")
        target = destination(read_link(photo.stream.read()))
    except InvalidInput as error:
        if wants_json():
            return jsonify(error.as_dict()), 422 if isinstance(error, NoCodeFoundError) else status_of(error)
        return render_template("consumer/scan.html", error=error), 422
    return jsonify({"location": target}) if wants_json() else redirect(target, 303)
