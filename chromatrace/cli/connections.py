"""Questions before a connection to a machine: encryption and passwords."""

from __future__ import annotations

import sys

import click

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.gateway.encryption import unencrypted_risk
from chromatrace.services.workspace import Workspace


def confirm_unencrypted(url: str, user: str | None, hint: str = "use --certificate and --private-key") -> None:
    """Ask for confirmation if a password or a remote connection is not encrypted. Raises `InvalidInput`."""
    message = unencrypted_risk(url, user)
    if message is None:
        return
    if sys.stdin.isatty() and click.confirm(f"{message}. Connect?", err=True):
        return
    raise InvalidInput(message, field="certificate", hint=f"{hint}, or --unencrypted")


def opcua_password(workspace: Workspace, user: str | None) -> str | None:
    """Return the password of an OPC UA user: the setting, or the answer to a prompt."""
    if user is None:
        return None
    return workspace.settings.opcua_password or workspace.ask_password(
        f"Password of {user}", "CHROMATRACE_OPCUA_PASSWORD"
    )


def mqtt_password(workspace: Workspace, user: str | None) -> str | None:
    """Return the password of an MQTT user: the setting, or the answer to a prompt."""
    if user is None:
        return None
    return workspace.settings.mqtt_password or workspace.ask_password(
        f"Password of {user}", "CHROMATRACE_MQTT_PASSWORD"
    )
