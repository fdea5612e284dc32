"""The rule for passwords of key files."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput

MIN_KEY_PASSWORD = 8
"""Characters."""


def check_key_password(password: str) -> None:
    """Check the password of a new key file. Raises `InvalidInput`."""
    if len(password) < MIN_KEY_PASSWORD:
        raise InvalidInput(
            f"the number of characters in the password is {len(password)}; it must be at least {MIN_KEY_PASSWORD}",
            field="password",
        )
