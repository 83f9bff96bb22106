"""The outbox of a viewer and the waiting line of all."""

import asyncio

import pytest

from flowact.errors import UserError
from flowact.live.access.admission import MOST_WAITING, Admission
from flowact.live.session.send_queue import MOST_BYTES, SendQueue


async def taken(send_queue: SendQueue) -> list[str | bytes]:
    send_queue.close()
    found = []
    while (message := await send_queue.get()) is not None:
        found.append(message)
    return found


def test_texts_overtake_media_and_order_is_kept():
    async def play():
        send_queue = SendQueue()
        send_queue.put_media(b"1", video=True, key=True)
        send_queue.put_media(b"2", video=True, key=False)
        send_queue.put_text("news")
        return await taken(send_queue)

    assert asyncio.run(play()) == ["news", b"1", b"2"]


def filled(send_queue: SendQueue) -> None:
    """Put in one frame more than there is room for."""
    frame = bytes(MOST_BYTES // 4)
    for number in range(5):
        assert send_queue.put_media(frame, video=True, key=number == 0)
        assert send_queue.stuck == (number == 4)


def test_a_viewer_too_far_behind_goes_on_at_the_next_key_frame():
    async def play():
        send_queue = SendQueue()
        filled(send_queue)
        waiting = asyncio.create_task(send_queue.get())  # it has taken what was on its way
        await asyncio.sleep(0)
        assert send_queue.put_media(b"sound", video=False, key=False)
        assert not send_queue.put_media(b"delta", video=True, key=False)
        assert send_queue.put_media(b"key", video=True, key=True)
        return [await waiting, *await taken(send_queue)]

    assert asyncio.run(play()) == [b"sound", b"key"]


def test_nothing_is_kept_for_a_viewer_who_takes_nothing():
    async def play():
        send_queue = SendQueue()
        filled(send_queue)
        for _ in range(100):  # and no key frames are asked for
            assert send_queue.put_media(bytes(MOST_BYTES // 8), video=True, key=False)
        assert send_queue.put_media(b"key", video=True, key=True)
        assert send_queue.dropped == 5 + 100 + 1
        send_queue.put_text("goodbye")
        return await taken(send_queue)

    assert asyncio.run(play()) == ["goodbye"]


def test_too_much_at_once_is_not_the_end_for_a_viewer_who_waits():
    async def play():
        send_queue = SendQueue()
        waiting = asyncio.create_task(send_queue.get())
        await asyncio.sleep(0)
        filled(send_queue)  # before the reader could take any of it
        await asyncio.sleep(0)
        assert send_queue.put_media(b"key", video=True, key=True)
        return await asyncio.wait_for(waiting, 60)

    assert asyncio.run(play()) == b"key"


def test_a_flush_leaves_texts():
    async def play():
        send_queue = SendQueue()
        send_queue.put_text("stays")
        send_queue.put_media(b"goes", video=True, key=True)
        send_queue.flush()
        return await taken(send_queue)

    assert asyncio.run(play()) == ["stays"]


def test_get_waits_for_what_comes_later():
    async def play():
        send_queue = SendQueue()
        waiting = asyncio.create_task(send_queue.get())
        await asyncio.sleep(0)
        send_queue.put_text("late")
        return await waiting

    assert asyncio.run(play()) == "late"


def test_places_are_given_in_the_order_of_coming():
    async def play():
        admission = Admission(1)
        async with admission.line() as first:
            assert admission.try_enter(first)
        async with admission.line() as second, admission.line() as third:
            assert not admission.try_enter(second)
            assert (admission.position(second), admission.position(third)) == (1, 2)
            moved = asyncio.create_task(admission.moved())
            await asyncio.sleep(0)
            await admission.leave()
            await moved
            assert not admission.try_enter(third)
            assert admission.try_enter(second)
            assert admission.position(third) == 1

    asyncio.run(play())


def test_who_gives_up_waiting_frees_the_line_which_is_not_endless():
    async def play():
        admission = Admission(1)
        async with admission.line():
            pass
        lines = [admission.line() for _ in range(MOST_WAITING)]
        for line in lines:
            await line.__aenter__()
        with pytest.raises(UserError, match="Too many"):
            await admission.line().__aenter__()
        await lines[0].__aexit__(None, None, None)
        await admission.line().__aenter__()

    asyncio.run(play())
