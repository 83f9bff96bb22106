"""The store that a page's owner asked for."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

from flowact.errors import UserError
from flowact.live.continuity.store import OwnSnapshots, SnapshotStore
from flowact.live.settings import LiveSettings


def open_store(settings: LiveSettings) -> SnapshotStore:
    """Return where this server keeps its sessions.

    Raises:
        UserError: packages are missing, or the address is none.
    """
    if not settings.store:
        return OwnSnapshots()
    if find_spec("redis") is None or find_spec("cryptography") is None:
        raise UserError("--store needs more packages: pip install 'flowact[fleet]'.")
    from flowact.live.continuity.redis_store import RedisSnapshots

    return RedisSnapshots(settings.store, settings.ticket_key.encode())


def check_store(settings: LiveSettings) -> None:
    """Ask the store once, before the page is announced.

    Raises:
        UserError: it does not answer: rather a sentence now than sessions that cannot move later.
    """
    if not settings.store:
        return

    async def ask() -> None:
        store = open_store(settings)
        try:
            await store.check()
        finally:
            await store.close()

    asyncio.run(ask())
