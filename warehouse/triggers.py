"""The event trigger that starts a load DAG: it scans the landing folder for deliveries the ledger does not know.

What is new is the ledger's to say, so after an hour without a triggerer the first scan tells all that landed since.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

SECONDS_BETWEEN_SCANS = 2.0
# a delivery as the trigger remembers it: business date, NN, and name, size and time of change of each of its files
Landed = tuple[str, int, tuple[tuple[str, int, int], ...]]


class LandedManifests(BaseEventTrigger):
    """Fires once when deliveries of a system are complete (their manifest is there) and not loaded.

    One event tells all that is new since the last scan. A delivery whose load failed does not fire again until its
    files change: the load DAG's sweep retries it. An error while scanning is logged and the next scan tries again,
    because an exception or an event that cannot be serialised would end the watch.

    Args:
        system: the sending system, a folder of the landing folder.
        seconds: pause between two scans.
    """

    def __init__(self, system: str, seconds: float = SECONDS_BETWEEN_SCANS) -> None:
        super().__init__()
        self.system = system
        self.seconds = seconds
        self._connection = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "warehouse.triggers.LandedManifests", {"system": self.system, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event per scan that found something new: {"system", "deliveries", "first", "last"}."""
        told: set[Landed] = set()
        trouble = None
        while True:
            try:
                waiting = await asyncio.to_thread(self._scan)
                trouble = None
            except Exception as error:
                self._disconnect()
                waiting = None
                if (kind := type(error).__name__) != trouble:  # not every two seconds while it lasts
                    trouble = kind
                    self.log.warning("scanning for %s failed, trying again: %s", self.system, kind, exc_info=True)
            if waiting is not None:
                if new := waiting - told:
                    days = sorted(day for day, _, _ in new)
                    yield TriggerEvent(
                        {"system": self.system, "deliveries": len(new), "first": days[0], "last": days[-1]}
                    )
                told = waiting
            await asyncio.sleep(self.seconds)

    async def cleanup(self) -> None:
        self._disconnect()

    def _scan(self) -> set[Landed] | None:
        """What waits to be loaded; None while a load of the system runs, which may be taking it in right now."""
        from warehouse import database, landing, ledger

        if self._connection is None:
            self._connection = database.connect("loader", autocommit=True)
        if self.system in ledger.open_loads(self._connection).replace("; ", ", ").split(", "):
            return None
        return {
            (delivery.business_date.isoformat(), delivery.nn, _files(delivery.folder))
            for delivery in landing.pending(self._connection, (self.system,))
        }

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(Exception):  # a connection that is broken already closes no better
                self._connection.close()
        self._connection = None


def _files(folder: Path) -> tuple[tuple[str, int, int], ...]:
    found = ((path.name, path.stat()) for path in folder.iterdir())
    return tuple(sorted((name, status.st_size, status.st_mtime_ns) for name, status in found))
