"""Signatures of the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`.

Own code: the specification's Python package brings an HTTP client and its types for these few lines. A test compares
the result with the published example.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path

from chromatrace.domain.errors import InvalidInput
from chromatrace.orders.errors import WebhookTargetError
from chromatrace.storage.files import write_once
from chromatrace.storage.private import read_private

PREFIX = "whsec_"
_MIN, _MAX = 24, 64
"""Bytes of a secret."""


def signed_headers(keys: list[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message. With several keys, during a change of the secret, each gives a signature."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def read_keys(path: Path) -> list[bytes]:
    """Return the keys in a secret file: one or more lines of `whsec_` and base64. Raises `WebhookTargetError`."""
    try:
        lines = read_private(path).decode("ascii").split()
    except OSError as error:
        raise WebhookTargetError(f"{path} cannot be read: {error.strerror}", field="secret_file") from error
    except UnicodeDecodeError as error:
        raise WebhookTargetError(f"{path} is not ASCII text", field="secret_file") from error
    except InvalidInput as error:
        raise WebhookTargetError(error.message, field="secret_file", hint=f"run `chmod 600 {path}`") from error
    keys = []
    for line in lines:
        try:
            key = base64.b64decode(line.removeprefix(PREFIX), validate=True)
        except binascii.Error as error:
            raise WebhookTargetError(f"{path} has a line that is not base64", field="secret_file") from error
        if not line.startswith(PREFIX) or not _MIN <= len(key) <= _MAX:
            raise WebhookTargetError(
                f"{path} must have {PREFIX} and base64 of {_MIN} to {_MAX} bytes in each line",
                field="secret_file",
                hint="create one with `chromatrace order webhooks secret FILE`",
            )
        keys.append(key)
    if not keys:
        raise WebhookTargetError(f"{path} is empty", field="secret_file")
    return keys


def create_secret(path: Path) -> None:
    """Create a secret file with mode 0600. Raises `FileExistsError`."""
    write_once(path, f"{PREFIX}{base64.b64encode(secrets.token_bytes(32)).decode()}\n".encode())
