"""The state of all channels, its stored form and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from chromatrace.twin.plan import TwinPlan
from chromatrace.twin.state.channel import ChannelMirror
from chromatrace.twin.state.model import ModelPlan
from chromatrace.twin.state.records import ChannelState, decode


class Mirror:
    """The twin's state. `channels` holds one `ChannelMirror` for each channel of which a reading was applied."""

    def __init__(self, plan: TwinPlan, models: Sequence[ModelPlan] = ()) -> None:
        self.plan, self.models = plan, list(models)
        self.channels: dict[str, ChannelMirror] = {}

    def channel(self, name: str) -> ChannelMirror:
        """Return the mirror of a channel; a new one is empty."""
        if name not in self.channels:
            self.channels[name] = ChannelMirror(self.plan, ChannelState(name), self.models)
        return self.channels[name]

    def load(self, state: bytes) -> ChannelMirror:
        """Replace the state of a channel by a stored one."""
        record = decode(state)
        mirror = self.channels[record.channel] = ChannelMirror(self.plan, record, self.models)
        return mirror

    def set_models(self, models: Sequence[ModelPlan]) -> None:
        """Set the models of several tags."""
        self.models = list(models)
        for mirror in self.channels.values():
            mirror.set_models(models)

    @property
    def sizes(self) -> Mapping[str, int]:
        """Readings applied, by channel."""
        return {name: mirror.state.size for name, mirror in sorted(self.channels.items())}

    def digest(self) -> str:
        """Return the SHA-256 of the state of all channels: equal digests mean equal states."""
        digest = hashlib.sha256()
        for _, mirror in sorted(self.channels.items()):
            encoded = mirror.encoded()
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()
