"""Publishers of tree heads for `chromatrace.anchor`."""

from __future__ import annotations

from chromatrace.anchor import TreeHead
from chromatrace.chain import calls, reads
from chromatrace.chain.anchored import current_channel, succession
from chromatrace.chain.client import Chain
from chromatrace.domain.errors import NotAuthorised
from chromatrace.domain.identifiers import ChannelId
from chromatrace.ethereum.errors import ContractError


class ChainPublisher:
    """Anchor heads in `ProcessLedger`. Channels belong to the signer's organisation and are opened on first use.

    If an administrator closed a channel, its successor takes the heads.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._channels: dict[str, ChannelId] = {}
        self.organisation = chain.read(reads.operator(chain.sender)).organisation

    def channel_id(self, name: str) -> ChannelId:
        """Return the on-chain id of a channel of the organisation, and open the channel if necessary."""
        channel = self._channels.get(name) or self._chain.read(reads.channel_id(self.organisation, name))
        if not self._chain.read(reads.channel(channel)).organisation:
            self._chain.submit(calls.open_channel(name).with_key(f"open/{channel.hex()}"))
        self._channels[name] = succession(self._chain, channel)[-1]
        return self._channels[name]

    def anchored_size(self, channel: str) -> int:
        """Return the size of the channel's newest head on the chain; 0 if there is none."""
        identifier = current_channel(self._chain, self.organisation, channel)
        return self._chain.read(reads.channel(identifier)).size

    def publish(self, head: TreeHead) -> None:
        """Anchor `head` and return once a block includes it. Publishing the same head again has no effect."""
        channel = self.channel_id(head.channel)
        try:
            call = calls.anchor(channel, head.size, head.root, head.first_time_ns, head.last_time_ns)
            self._chain.submit(call.with_key(f"anchor/{channel.hex()}/{head.size}"))
        except ContractError:
            anchored = self._chain.read(reads.channel(channel))
            if (anchored.size, anchored.root) != (head.size, head.root):
                raise


class ReadOnlyPublisher:
    """A publisher for work that must not write to the chain."""

    def publish(self, head: TreeHead) -> None:
        """Raise `NotAuthorised`."""
        raise NotAuthorised(
            "publishing a head requires a signing key", field="keystore", hint="use `chromatrace log anchor`"
        )

    def anchored_size(self, channel: str) -> int:
        """Return 0: nothing is compared, because nothing can be published."""
        return 0
