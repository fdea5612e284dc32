"""Fixtures of the records tests: the engineer-to-order record kinds and an S3 server."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def catalogue():
    from chromatrace.plant import example_plant
    from chromatrace.records.catalogue import Catalogue

    return Catalogue(example_plant("engineer-to-order").record_kinds)


class S3Server:
    """Moto's S3 server, which checks signatures and policies, with the bucket `vault` and an account."""

    _MOTO_ACCOUNT = "123456789012"
    _USER = "vault"

    def __init__(self):
        os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"  # read by moto on import: check every request
        from moto.backends import get_backend
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        _, self.port = self._server.get_host_and_port()
        self._iam = get_backend("iam")[self._MOTO_ACCOUNT]["aws"]
        self._iam.create_user(region_name="us-east-1", user_name=self._USER)
        key = self._iam.create_access_key(user_name=self._USER)
        self.access_key, self.secret = key.access_key_id, key.secret_access_key
        self._set_policy("allow", "Allow", "s3:*")
        get_backend("s3")[self._MOTO_ACCOUNT]["aws"].create_bucket("vault", "us-east-1")

    @contextlib.contextmanager
    def denied(self, action):
        """Deny `action` to the account."""
        self._set_policy("deny", "Deny", action)
        yield
        self._iam.delete_user_policy(self._USER, "deny")

    def stop(self):
        self._server.stop()

    def _set_policy(self, name, effect, action):
        statement = {"Effect": effect, "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._iam.put_user_policy(self._USER, name, document)


@pytest.fixture(scope="session")
def _s3_server():
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3_server(_s3_server, monkeypatch):
    """Start an S3 server and set its account in the environment."""
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", _s3_server.access_key)
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", _s3_server.secret)
    monkeypatch.delitem(os.environ, "AWS_SESSION_TOKEN", raising=False)
    return _s3_server


@pytest.fixture
def bucket(s3_server):
    """Return a function that returns the URL of a new, empty store on the S3 server."""
    return lambda: f"s3://vault/{uuid.uuid4().hex}?endpoint=http://127.0.0.1:{s3_server.port}"
