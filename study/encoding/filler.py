"""Making coded frames longer without changing what they show: filler that decoders skip by their standards."""

from __future__ import annotations

from typing import Final

LEAST_FILLER: Final = 6
"""Bytes of the shortest filler NAL unit in an MP4: its length, its type, and the end of its payload."""
_FILLER_TYPE: Final = 12
_STOP_BIT: Final = 0x80
_MOST_FILL: Final = 269
_FIL_ID, _END_ID = 0b110, 0b111


def longer_picture(data: bytes, size: int) -> bytes:
    """Grow a coded H.264 picture of an MP4 to `size` bytes by a filler NAL unit (ITU-T H.264, 7.3.2.7).

    Raises:
        ValueError: there are fewer than `LEAST_FILLER` bytes to fill.
    """
    missing = size - len(data)
    if missing < LEAST_FILLER:
        raise ValueError(f"cannot fill {missing} bytes, expected at least {LEAST_FILLER}")
    unit = bytes([_FILLER_TYPE]) + b"\xff" * (missing - LEAST_FILLER) + bytes([_STOP_BIT])
    return data + len(unit).to_bytes(4, "big") + unit


def longer_sound(data: bytes, size: int) -> bytes:
    """Grow a coded AAC frame to `size` bytes by fill elements (ISO/IEC 14496-3, 4.4.2.7).

    Raises:
        ValueError: it is longer already, or does not end as an AAC frame does.
    """
    if size < len(data):
        raise ValueError(f"cannot shorten {len(data)} bytes to {size}")
    while len(data) < size:
        data = _with_fill(data, size)
    return data


def _with_fill(data: bytes, size: int) -> bytes:
    """Put one fill element before the end of a frame, as long as there is room for."""
    bits = int.from_bytes(data, "big")
    unused = (bits & -bits).bit_length() - 1  # the end's last bit is the last one that is set
    if bits == 0 or unused > 7 or (bits >> unused) & 0b111 != _END_ID:
        raise ValueError("not a frame of AAC: it has no end")
    used = 8 * len(data) - unused - 3
    body = bits >> (unused + 3)
    for count in range(_MOST_FILL, -1, -1):
        element, length = _fill_element(count)
        total = used + length + 3
        if -(-total // 8) <= size:
            padding = -total % 8
            value = (((body << length | element) << 3) | _END_ID) << padding
            return value.to_bytes((total + padding) // 8, "big")
    raise ValueError(f"no fill element fits into {size - len(data)} bytes")


def _fill_element(count: int) -> tuple[int, int]:
    """A fill element with `count` bytes of payload, and its length in bits."""
    payload, bits = int.from_bytes(bytes(count), "big"), 8 * count
    if count < 15:
        return ((_FIL_ID << 4 | count) << bits) | payload, 7 + bits
    return ((((_FIL_ID << 4 | 15) << 8) | (count - 14)) << bits) | payload, 15 + bits
