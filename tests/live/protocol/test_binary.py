import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowact.live.protocol.binary import (
    HEADER_BYTES,
    Flag,
    Header,
    MessageKind,
    prefixed,
    split_prefixed,
    unpack,
)


@given(
    kind=st.sampled_from(MessageKind),
    flags=st.integers(0, 15),
    epoch=st.integers(0, 2**32 - 1),
    media_ms=st.floats(0, 1e9),
    body=st.binary(max_size=200),
)
def test_what_is_packed_can_be_unpacked(kind, flags, epoch, media_ms, body):
    header = Header(
        kind, Flag(flags), epoch, 7, media_ms, 1.5, 2.5, 3.5, 4.5, (0.5, 20.0, 60.0, 4.0)
    )
    message = header.pack(body)
    assert len(message) == HEADER_BYTES + len(body) == 68 + len(body)
    assert unpack(message) == (header, body)


def test_the_layout_is_the_one_that_the_page_reads():
    message = Header(MessageKind.SOUND, Flag.SPEAKING, 0x01020304, 0x0A, 40.0).pack(b"x")
    assert message[:2] == bytes([4, 4])
    assert message[4:8] == bytes([4, 3, 2, 1])
    assert message[8] == 0x0A
    assert message[28:36] == bytes.fromhex("0000000000004440")


@pytest.mark.parametrize("message", [b"", b"\1" * 67, b"\x09" + bytes(67)])
def test_what_is_no_message_is_refused(message):
    with pytest.raises(ValueError):
        unpack(message)


@given(st.lists(st.one_of(st.text(max_size=30), st.binary(max_size=30)), max_size=6))
def test_prefixed_messages_can_be_told_apart(messages):
    assert list(split_prefixed(b"".join(map(prefixed, messages)))) == messages


@pytest.mark.parametrize("body", [b"T", b"X\0\0\0\0", b"B\xff\xff\xff\xff", b"T\1\0\0\0\xff"])
def test_bodies_that_do_not_add_up_are_refused(body):
    with pytest.raises(ValueError):
        list(split_prefixed(body))
