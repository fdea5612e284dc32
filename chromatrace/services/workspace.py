"""The chain, spool, index and documents that a command uses, each opened on first use."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.settings import Settings
from chromatrace.storage.private import private_folder

if TYPE_CHECKING:
    from chromatrace.anchor import Anchorer
    from chromatrace.chain.client import Chain
    from chromatrace.chain.outbox import Outbox
    from chromatrace.documents.store import DocumentStore
    from chromatrace.ethereum.manifest import Manifest
    from chromatrace.ethereum.rpc import RpcClient
    from chromatrace.ethereum.signer import Signer
    from chromatrace.index import Index
    from chromatrace.ingest.spool import Spool


def no_prompt(label: str, variable: str) -> str:
    """Raise `InvalidInput`: a password is missing."""
    raise InvalidInput(f"{label} is missing", field=variable, hint=f"set {variable}")


class Workspace:
    """The chain, spool, index and documents that `settings` name. A context manager."""

    def __init__(
        self,
        settings: Settings,
        *,
        ask_password: Callable[[str, str], str] = no_prompt,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        """Store the settings; connections are opened on first use.

        ask_password  returns a password that is not configured; takes a label and the name of its environment variable
        notify        reports a warning to the user
        """
        self.settings = settings
        self.ask_password = ask_password
        self.notify = notify
        self._stack = ExitStack()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def with_settings(self, **changes: Any) -> Workspace:
        """Return a workspace with other settings, and the same way to ask for passwords and to warn."""
        return Workspace(replace(self.settings, **changes), ask_password=self.ask_password, notify=self.notify)

    def acting_as(self, signer: Signer) -> Workspace:
        """Return a workspace that signs with `signer` and shares this one's resources; this one must outlive it."""
        other = self.with_settings()
        other.rpc, other.manifest, other.spool = self.rpc, self.manifest, self.spool
        other.documents, other.reader = self.documents, self.reader
        other.signer, other.chain = signer, self.reader.with_signer(signer)
        return other

    @cached_property
    def data(self) -> Path:
        """The data folder; created if it does not exist, readable by its owner only."""
        return private_folder(self.settings.data)

    @property
    def opcua_trust_folder(self) -> Path:
        """The trust list of OPC UA servers."""
        return self.data / self.settings.keys_folder.name / "opcua-trust"

    @cached_property
    def rpc(self) -> RpcClient:
        from chromatrace.ethereum.rpc import RpcClient

        client = RpcClient(self.settings.rpc_url)
        self._stack.callback(client.close)
        return client

    @cached_property
    def chain_id(self) -> int:
        return int(self.rpc.call("eth_chainId"), 16)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest in force, checked against the code on the chain."""
        from chromatrace.ethereum.manifest import Manifest

        path = self.settings.manifest_path(self.chain_id)
        if not path.exists():
            raise NotFound(
                f"no deployment manifest for chain {self.chain_id}: {path} does not exist",
                field="manifest",
                hint="run `chromatrace chain deploy`, or name the manifest with --manifest or its folder with --data",
            )
        manifest = Manifest.load(path)
        manifest.verify(self.rpc)
        return manifest

    @property
    def has_signer(self) -> bool:
        """Whether the settings name a key."""
        return self.settings.keystore is not None or self.settings.dev_account is not None

    @cached_property
    def signer(self) -> Signer:
        """The acting operator's key: the keystore, or a development account on a development chain."""
        from chromatrace.ethereum.signer import dev_signer, keystore_signer, require_known_dev_account

        if self.settings.keystore is not None:
            return keystore_signer(self.settings.keystore, self.key_password(self.settings.keystore))
        if self.settings.dev_account is not None:
            with warnings.catch_warnings(record=True) as caught:
                signer = dev_signer(self.settings.dev_account, self.chain_id)
                require_known_dev_account(self.rpc, signer)
            for warning in caught:
                self.notify(str(warning.message))
            return signer
        raise InvalidInput(
            "this command needs a signing key",
            field="keystore",
            hint="give --keystore FILE (see `chromatrace key create`), or --dev-account N on a development chain",
        )

    def key_password(self, path: Path) -> str:
        """Return the password of the keystore at `path`."""
        return self.settings.key_password or self.ask_password(f"Password of {path}", "CHROMATRACE_KEY_PASSWORD")

    @cached_property
    def reader(self) -> Chain:
        """The chain, without a signer."""
        return self._chain(None)

    @cached_property
    def chain(self) -> Chain:
        """The chain, with the signer."""
        return self._chain(self.signer)

    @cached_property
    def outbox(self) -> Outbox:
        from chromatrace.chain.outbox import Outbox

        outbox = Outbox(self.data / self.settings.outbox_path.name)
        self._stack.callback(outbox.close)
        return outbox

    def _chain(self, signer: Signer | None) -> Chain:
        from chromatrace.chain.client import Chain

        return Chain(self.rpc, self.manifest, self.outbox, signer)

    @cached_property
    def spool(self) -> Spool:
        from chromatrace.ingest.spool import Spool

        spool = Spool(self.data / self.settings.spool_path.name)
        self._stack.callback(spool.close)
        return spool

    def anchorer(self, *, every_count: int = 10_000, every_s: float = 60.0) -> Anchorer:
        """Return an anchorer of the spool that publishes with the signer's key."""
        from chromatrace.anchor import Anchorer
        from chromatrace.services.publisher import ChainPublisher

        publisher = ChainPublisher(self.chain)
        anchorer = Anchorer(self.spool, publisher, self.anchors_path, every_count=every_count, every_s=every_s)
        self._stack.callback(anchorer.close)
        return anchorer

    @cached_property
    def proofs(self) -> Anchorer:
        """An anchorer for proofs only; it cannot publish."""
        from chromatrace.anchor import Anchorer
        from chromatrace.services.publisher import ReadOnlyPublisher

        anchorer = Anchorer(self.spool, ReadOnlyPublisher(), self.anchors_path)
        self._stack.callback(anchorer.close)
        return anchorer

    @property
    def anchors_path(self) -> Path:
        """Database of the logs and their heads."""
        return self.data / "anchors.db"

    @cached_property
    def documents(self) -> DocumentStore:
        from chromatrace.documents.store import DocumentStore

        return DocumentStore(self.data / self.settings.documents_folder.name)

    def open_index(self) -> Index:
        """Return the index, with its schema migrated, without synchronising it."""
        from chromatrace.index import Index

        _ = self.data
        index = Index(self.settings.index_url)
        self._stack.callback(index.close)
        index.migrate()
        return index

    @cached_property
    def index(self) -> Index:
        """The index, migrated and synchronised with the chain."""
        index = self.open_index()
        self.catch_up(index)
        return index

    def catch_up(self, index: Index) -> None:
        """Synchronise the index with the chain."""
        from chromatrace.index import Follower

        Follower(index, self.rpc, self.manifest).sync()
