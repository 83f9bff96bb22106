"""SIGHUP to a server of its own, with a viewer who sees nothing of it."""

import asyncio
import os
import signal

from flowact.live.server.renewals import Renewals


class Worker:
    def __init__(self, *results: bool) -> None:
        self.results, self.asked = list(results), 0

    async def renew(self) -> bool:
        self.asked += 1
        return self.results.pop(0)


def test_the_signal_renews_and_a_failure_is_logged(caplog):
    worker = Worker(True, False)

    async def two_signals() -> None:
        renewals = Renewals(worker)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            before = worker.asked
            while worker.asked == before:
                await asyncio.sleep(0.01)
        renewals.close()

    before = signal.getsignal(signal.SIGHUP)
    asyncio.run(two_signals())
    signal.signal(signal.SIGHUP, before)
    assert worker.asked == 2
    assert [record.levelname for record in caplog.records if "not renewed" in record.message] == [
        "ERROR"
    ]
