"""The digital twin that the workshop pages read."""

from __future__ import annotations

from dataclasses import dataclass

from app.settings import PortalSettings
from app.streams import Streams
from chromatrace.plant import Plant
from chromatrace.twin.plan import TwinPlan, plan_of
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.views import TwinReader


@dataclass(frozen=True, slots=True)
class Workshop:
    """The twin of the plant that this portal shows, and the open streams of this worker."""

    organisation: int
    plant: Plant
    plan: TwinPlan
    store: TwinStore
    reader: TwinReader
    streams: Streams

    def close(self) -> None:
        """End the streams and close the database."""
        self.streams.stop()
        self.store.close()


def open_workshop(config: PortalSettings, plant: Plant | None) -> Workshop | None:
    """Open the twin of the plant; None if the portal shows no plant."""
    if config.plant_organisation is None or plant is None:
        return None
    store, plan = TwinStore(config.twin_database), plan_of(plant)
    streams = Streams(max(1, config.threads // 2))
    return Workshop(config.plant_organisation, plant, plan, store, TwinReader(store, plan), streams)
