"""Find the page of a code in a photo."""

from __future__ import annotations

from flask import jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from app.consumer.pages import page_of
from app.errors import http_status
from app.responses import wants_json
from chromatrace.domain.errors import InvalidInput
from chromatrace.identity.errors import NoCodeFoundError
from chromatrace.identity.scan import read_link


def scan() -> ResponseReturnValue:
    """Show the scan page; with a posted `photo`, redirect to the page of the code in it. Photos are not stored."""
    if request.method == "GET":
        return render_template("consumer/scan.html")
    photo = request.files.get("photo")
    try:
        if photo is None or not photo.filename:
            raise InvalidInput("no photo was sent", field="photo", hint="choose a photo first")
        location = page_of(read_link(photo.stream.read()))
    except InvalidInput as error:
        if wants_json():
            return jsonify(error.as_dict()), 422 if isinstance(error, NoCodeFoundError) else http_status(error)
        return render_template("consumer/scan.html", error=error), 422
    return jsonify({"location": location}) if wants_json() else redirect(location, 303)
