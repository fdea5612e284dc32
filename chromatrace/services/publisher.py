"""Puts tree heads on the chain: the publisher that `chromatrace.anchor` asks for."""

from __future__ import annotations

from chromatrace.anchor import TreeHead
from chromatrace.chain.client import Chain
from chromatrace.domain.errors import NotAuthorised
from chromatrace.ethereum.errors import ContractError


class ChainPublisher:
    """Anchors heads in `ProcessLedger`, in channels of the signer's organisation, opened when they are first used."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._channels: dict[str, bytes] = {}
        self.organisation: int = chain.read("Consortium", "operator", chain.sender)["organisation"]

    def channel_id(self, name: str) -> bytes:
        """The on-chain id of one of the organisation's channels."""
        if name not in self._channels:
            found = self._chain.read("ProcessLedger", "channelIdOf", self.organisation, name)
            if not self._chain.read("ProcessLedger", "channel", found)["organisation"]:
                self._chain.send("ProcessLedger", "openChannel", name, key=f"open/{found.hex()}")
            self._channels[name] = found
        return self._channels[name]

    def publish(self, head: TreeHead) -> None:
        """Anchors `head`; returns when a block has it. The same head again changes nothing."""
        channel = self.channel_id(head.channel)
        try:
            self._chain.send(
                "ProcessLedger",
                "anchor",
                channel,
                head.size,
                head.root,
                head.first_time_ns,
                head.last_time_ns,
                key=f"anchor/{channel.hex()}/{head.size}",
            )
        except ContractError:
            stands = self._chain.read("ProcessLedger", "channel", channel)
            if (stands["size"], stands["root"]) != (head.size, head.root):
                raise


class NoPublisher:
    """For work that must not write to the chain."""

    def publish(self, head: TreeHead) -> None:
        """Refuses."""
        raise NotAuthorised("nobody acts here", field="keystore", hint="use `chromatrace anchor`")
