"""Tokens: only the hash is stored, and a revoked token is rejected at once."""

import stat

import pytest

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.gateway.tokens import TokenFile


@pytest.fixture
def file(tmp_path):
    return TokenFile(tmp_path / "keys" / "scale.tokens")


def test_only_the_hash_of_a_token_is_stored(file):
    token, stored = file.create("scale 1")
    content = file.path.read_text()
    assert token not in content
    assert token.partition(stored.id)[2] not in content
    assert stored.id in token
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.accepts(token)
    assert not file.accepts(token[:-1])
    assert not file.accepts("")


def test_a_revoked_token_is_rejected(file):
    token, stored = file.create("")
    other, _ = file.create("")
    assert TokenFile(file.path).revoke(stored.id).id == stored.id
    assert not file.accepts(token)
    assert file.accepts(other)
    with pytest.raises(NotFound):
        file.revoke(stored.id)


def test_a_file_without_hashes_is_rejected(file):
    assert file.tokens() == []
    file.create("")
    file.path.write_text("secret")
    with pytest.raises(InvalidInput, match="not a file of token hashes"):
        file.accepts("secret")
