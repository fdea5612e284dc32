"""Webhooks: signature, retries, order of attempts, targets that must not be reached."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from webhook_receiver import receiving

from chromatrace.domain.errors import NotFound
from chromatrace.orders.errors import WebhookTargetError
from chromatrace.orders.store import OrderStore
from chromatrace.orders.webhooks import address, post
from chromatrace.orders.webhooks.queue import BACKOFF_S, MessageState
from chromatrace.orders.webhooks.sender import Round, SenderBusyError, WebhookSender
from chromatrace.orders.webhooks.signature import create_secret, read_keys, signed_headers
from chromatrace.plant.erp import WebhookTarget

DAY_S = 86_400


class Clock:
    now = 1_796_000_000

    def __call__(self):
        return self.now


class World:
    """A queue with a clock, and its targets."""

    def __init__(self, folder, *targets):
        self.clock = Clock()
        self.store = OrderStore(f"sqlite:///{folder / 'orders.db'}", "plant", self.clock)
        self.sender = WebhookSender(self.store, targets)
        self.queue = self.sender.queue

    def put(self, number, content, target="mes"):
        return self.queue.put(target, "order.progress", number, {"order": number, "content": content}, content)

    def states(self):
        return {message.order: message.state for message in reversed(self.queue.messages())}


@pytest.fixture
def secret_file(tmp_path):
    create_secret(tmp_path / "mes.secret")
    return tmp_path / "mes.secret"


@pytest.fixture
def receiver(secret_file):
    with receiving(read_keys(secret_file)[0]) as receiver:
        yield receiver


@pytest.fixture
def world(tmp_path, receiver, secret_file):
    world = World(tmp_path, WebhookTarget("mes", receiver.url, secret_file, allow_private=True))
    yield world
    world.store.close()


def test_the_signature_is_that_of_the_published_example(tmp_path):
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    headers = signed_headers(read_keys(path), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_of_a_file_gives_a_signature(tmp_path, secret_file, receiver):
    create_secret(tmp_path / "new.secret")
    both = tmp_path / "both.secret"
    both.touch(mode=0o600)
    both.write_text((tmp_path / "new.secret").read_text() + secret_file.read_text())
    sender = World(tmp_path, WebhookTarget("mes", receiver.url, both, allow_private=True)).sender
    assert sender.test("mes").status == 204
    assert len(receiver.received[0][0]["webhook-signature"].split()) == 2


@pytest.mark.parametrize("content", ["", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", "whsec_é"])
def test_a_wrong_secret_file_is_an_error(tmp_path, content):
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(WebhookTargetError) as raised:
        read_keys(path)
    assert raised.value.field == "secret_file"


def test_a_secret_that_others_may_read_is_not_used(world, receiver, secret_file):
    secret_file.chmod(0o644)
    world.put("1", "a")
    assert world.sender.deliver().failed == 1
    assert "other users may read" in world.queue.messages()[0].last_error
    assert receiver.paths == []


def test_a_message_is_delivered_once_and_equal_content_is_not_sent_again(world, receiver):
    world.put("1", "a")
    assert world.sender.deliver().delivered == 1
    assert world.put("1", "a") is None
    assert world.sender.deliver().delivered == 0
    assert world.put("1", "b") is not None
    assert world.sender.deliver().delivered == 1
    assert [document["data"]["content"] for _, document in receiver.received] == ["a", "b"]
    assert receiver.events == ["order.progress"] * 2


def test_a_target_that_is_down_for_a_day_gets_the_newest_state_of_every_order(world, receiver):
    receiver.status = 503
    start = world.clock.now
    first = world.put("1", "a")
    world.put("2", "a")
    attempts = 0
    while world.clock.now < start + DAY_S:
        attempts += world.sender.deliver().failed
        if world.clock.now - start == 7200:
            world.put("1", "b")
        world.clock.now += 60
    assert attempts == len(receiver.paths)
    assert 5 <= attempts <= 20, "the attempts become rarer"
    assert [message.state for message in world.queue.messages() if message.id == first] == [MessageState.REPLACED]
    receiver.status = 204
    world.clock.now += DAY_S
    assert world.sender.deliver().delivered == 2
    assert {document["data"]["order"]: document["data"]["content"] for _, document in receiver.received} == {
        "1": "b",
        "2": "a",
    }


def test_a_retry_has_the_same_id_and_waits_for_the_backoff(world, receiver):
    receiver.status = 500
    message = world.put("1", "a")
    waits = []
    for _ in BACKOFF_S:
        assert world.sender.deliver().failed == 1
        (pending,) = world.queue.messages()
        waits.append(pending.due - world.clock.now)
        world.clock.now = pending.due - 1
        assert world.sender.deliver().failed == 0, "not due yet"
        world.clock.now = pending.due
    assert all(base <= wait <= base * 1.1 for base, wait in zip(BACKOFF_S, waits, strict=True))
    assert sum(BACKOFF_S) > 3 * DAY_S
    world.sender.deliver()
    assert world.states() == {"1": MessageState.FAILED}
    receiver.status = 204
    assert world.queue.retry(message_id=message) == 1
    assert world.sender.deliver().delivered == 1
    assert receiver.ids == [message]


def test_a_target_that_is_down_does_not_delay_the_others(tmp_path, receiver, secret_file):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    targets = [
        WebhookTarget("dead", dead, secret_file, allow_private=True),
        WebhookTarget("mes", receiver.url, secret_file, allow_private=True),
    ]
    world = World(tmp_path, *targets)
    for target in ("dead", "mes"):
        world.put("1", "a", target)
    assert world.sender.deliver() == Round(delivered=1, failed=1)
    assert receiver.events == ["order.progress"]


def test_a_success_makes_the_waiting_messages_of_the_target_due(world, receiver):
    receiver.status = 500
    world.put("1", "a")
    world.sender.deliver()
    world.clock.now += 10
    world.sender.deliver()
    receiver.status = 204
    world.put("2", "a")
    assert world.sender.deliver().delivered == 2
    assert world.states() == {"1": MessageState.DELIVERED, "2": MessageState.DELIVERED}


def test_the_target_may_ask_for_a_longer_wait_or_for_no_more_messages(world, receiver):
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    world.put("1", "a")
    world.sender.deliver()
    assert world.queue.messages()[0].due == world.clock.now + 3600
    receiver.status, receiver.headers = 410, {}
    world.clock.now += 3600
    world.sender.deliver()
    assert world.states() == {"1": MessageState.FAILED}


def test_a_redirect_is_not_followed(world, receiver, secret_file):
    with receiving(read_keys(secret_file)[0]) as other:
        receiver.status, receiver.headers = 307, {"Location": other.url}
        answer = world.sender.test("mes")
        assert (answer.status, other.paths) == (307, [])
        assert "redirect" in answer.error


@pytest.mark.parametrize(
    "text",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:1::"),
    ],
)
def test_an_address_of_a_private_network_is_not_public(text):
    assert not address.is_public(text)


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_an_address_of_the_internet_is_public(text):
    assert address.is_public(text)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:{port}/", "https://localhost:{port}/", "https://[::ffff:127.0.0.1]:{port}/"]
)
def test_a_private_target_is_not_reached(tmp_path, receiver, secret_file, url):
    world = World(tmp_path, WebhookTarget("mes", url.format(port=receiver.port), secret_file))
    answer = world.sender.test("mes")
    assert answer.status is None
    assert "not public" in answer.error
    assert receiver.paths == []


def test_one_private_address_among_several_is_enough_to_reject_a_name(monkeypatch):
    found = [(0, 0, 0, "", (text, 443)) for text in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    with pytest.raises(WebhookTargetError, match=r"10\.0\.0\.1"):
        address.resolve("https://mes.example/", allow_private=False)


@pytest.mark.parametrize("url", ["http://mes.example/", "ftp://mes.example/", "https://user@mes.example/", "https://"])
def test_a_url_must_be_https_without_user(url):
    with pytest.raises(WebhookTargetError):
        address.resolve(url, allow_private=False)


def _certificate(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.parametrize(
    ("name", "trusted", "accepted"),
    [("localhost", True, True), ("localhost", False, False), ("other.example", True, False)],
)
def test_the_certificate_must_be_trusted_and_for_the_name_of_the_url(tmp_path, secret_file, name, trusted, accepted):
    path = _certificate(tmp_path, name)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    with receiving(read_keys(secret_file)[0], tls) as receiver:
        target = WebhookTarget(
            "mes",
            f"https://localhost:{receiver.port}/hook",
            secret_file,
            allow_private=True,
            ca=path if trusted else None,
        )
        answer = World(tmp_path, target).sender.test("mes")
    assert (answer.error is None) == accepted, answer.error
    assert len(receiver.received) == accepted


def test_a_target_that_does_not_answer_ends_after_the_deadline(world, receiver, monkeypatch):
    monkeypatch.setattr(post, "REQUEST_S", 0.3)
    receiver.proceed.clear()
    world.put("1", "a")
    assert world.sender.deliver().failed == 1
    assert world.states() == {"1": MessageState.PENDING}


def test_one_process_of_a_database_delivers(world, tmp_path):
    other = World(tmp_path).sender
    with world.sender.exclusive(), pytest.raises(SenderBusyError), other.exclusive():
        pass
    with other.exclusive():
        pass


def test_unknown_targets_and_messages_are_errors(world):
    with pytest.raises(NotFound, match="known: mes"):
        world.sender.test("sap")
    with pytest.raises(NotFound):
        world.queue.retry(message_id="msg_unknown")


def test_delivered_messages_are_kept_for_30_days(world, receiver):
    world.put("1", "a")
    world.sender.deliver()
    world.clock.now += 30 * DAY_S
    world.put("1", "b")
    receiver.status = 500
    world.sender.deliver()
    world.queue.prune()
    assert len(world.queue.messages()) == 2
    world.clock.now += 1
    world.queue.prune()
    assert world.states() == {"1": MessageState.PENDING}
    assert world.queue.digests("mes", "order.progress") == {"1": "b"}
