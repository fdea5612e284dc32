"""Log in and load pages with Flask's test client."""

from __future__ import annotations

import re

from eth_hash.auto import keccak
from portal_world import GTIN, PASSWORD

BASE = "http://portal.example"
JSON = {"Accept": "application/json"}


def token_of(page):
    """Return the CSRF token of a page."""
    return re.search(r'(?:name="csrf_token" value|data-csrf)="([^"]+)"', page.text).group(1)


def log_in(client, account, password=PASSWORD):
    form = {"name": account, "password": password, "csrf_token": token_of(client.get("/login"))}
    return client.post("/login", data=form)


def log_in_by_wallet(client, signer, address=None):
    """Log in as `address`, by default the signer's own in lower case, as MetaMask sends it."""
    token = {"X-CSRFToken": token_of(client.get("/login"))} | JSON
    address = address or signer.address.lower()
    challenge = client.post("/login/wallet/challenge", data={"address": address}, headers=token)
    message = challenge.json["message"]
    text = message.encode()
    digest = keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)
    signature = "0x" + signer.sign_digest(digest).hex()
    return client.post("/login/wallet", data={"message": message, "signature": signature}, headers=token)


def batch_page(client, lot, serial=""):
    """Return the page of a batch as JSON."""
    return client.get(f"/01/{GTIN}/10/{lot}{serial}", headers=JSON)
