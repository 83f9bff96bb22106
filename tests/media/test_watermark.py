import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from flowact.commands.verify import verify
from flowact.errors import UserError
from flowact.media.watermark import DETECTED, Watermark, score
from flowact.portrait import load_reference
from flowact.serving.encoding import H264Encoder, JpegEncoder, make_encoder
from tests.tiny_assets import picture

CAST = Path(__file__).parents[2] / "assets" / "characters"


def portrait(name: str) -> np.ndarray:
    return load_reference(CAST / name / "portrait.png")


def decoded(encoder, frames: np.ndarray) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    packets = [av.Packet(frame.data) for frame in encoder.encode(frames)]
    return [frame for packet in [*packets, None] for frame in decoder.decode(packet)]


@pytest.mark.parametrize(
    ("name", "most"),
    [("mira", 3), ("sofia", 3), ("walter", 3), ("elena", 6), ("finn", 6), ("zuri", 6)],
)
def test_the_hidden_mark_survives_encoding_and_is_not_found_where_it_is_not(name, most):
    frames = np.stack([portrait(name)] * 3)
    marked = decoded(H264Encoder(Watermark(visible=False)), frames)[-1].to_ndarray(format="gray")
    plain = decoded(H264Encoder(Watermark(False, hidden=False)), frames)[-1].to_ndarray(
        format="gray"
    )
    assert score(marked) > DETECTED
    assert abs(score(plain)) < DETECTED / 2
    assert np.abs(marked[200:240].astype(int) - plain[200:240]).mean() < most


def test_the_hidden_mark_survives_jpeg_and_scaling():
    data = JpegEncoder(Watermark(visible=False)).encode(picture()[None])[0].data
    small = Image.open(io.BytesIO(data)).convert("L").resize((360, 360))
    assert score(np.asarray(small)) > DETECTED


def test_walls_are_marked_less_than_leaves():
    random = np.random.Generator(np.random.PCG64(4))
    wall, leaves = (
        np.full((480, 480), 120, np.uint8),
        random.integers(40, 200, (480, 480), np.uint8),
    )
    changes = []
    for plain in (wall, leaves):
        marked = plain.copy()
        Watermark(visible=False).apply(marked)
        changes.append(np.abs(marked.astype(int) - plain).max())
    assert changes[0] <= 3 and 5 <= changes[1] <= 9


def light(luma: np.ndarray) -> np.ndarray:
    """Relative luminance of grey in video range."""
    return (((luma.astype(np.float32) - 16) / 219).clip(0, 1)) ** 2.2


def test_the_visible_mark_can_be_read_on_any_picture():
    random = np.random.Generator(np.random.PCG64(3))
    walls = [np.full((480, 480), grey, np.uint8) for grey in (16, 90, 128, 180, 235)]
    walls += [random.integers(16, 236, (480, 480)).astype(np.uint8) for _ in range(5)]
    for wall in walls:
        marked = wall.copy()
        Watermark(visible=True, hidden=False).apply(marked)
        row, column = np.nonzero(marked.astype(int) != wall)
        patch = marked[row.min() : row.max() + 1, column.min() : column.max() + 1]
        writing, plate = np.quantile(light(patch), [0.97, 0.5])
        assert (writing + 0.05) / (plate + 0.05) > 4.5


def test_the_visible_mark_brightens_a_corner_and_nothing_else():
    dark = np.full((480, 480), 40, np.uint8)
    Watermark(visible=True, hidden=False).apply(dark)
    assert dark[-40:, :140].max() > 180
    assert (dark[:-40] == 40).all()


def test_every_frame_comes_out_at_once_and_a_key_frame_on_demand():
    encoder = make_encoder("h264", Watermark())
    frames = np.stack([picture()] * 3)
    assert [frame.key for frame in encoder.encode(frames)] == [True, False, False]
    encoder.restart()
    restarted = encoder.encode(frames)
    assert [frame.key for frame in restarted] == [True, False, False]
    assert restarted[0].data[4] & 31 in (7, 9)  # a parameter set comes first: one can join here


def test_colours_are_kept():
    flat = np.broadcast_to(np.array([180, 90, 60], np.uint8), (2, 480, 480, 3)).copy()
    frame = decoded(H264Encoder(Watermark(False, hidden=False)), flat)[-1]
    middle = frame.to_ndarray(format="rgb24", src_colorspace="ITU709")[200:280, 200:280]
    assert np.abs(middle.reshape(-1, 3).mean(0) - [180, 90, 60]).max() < 4


def test_an_unknown_codec_is_refused():
    with pytest.raises(ValueError, match="av1"):
        make_encoder("av1", Watermark())  # type: ignore[arg-type]


def test_verify_tells_marked_from_unmarked_pictures(tmp_path):
    data = JpegEncoder(Watermark()).encode(picture()[None])[0].data
    (tmp_path / "made.jpg").write_bytes(data)
    Image.fromarray(picture()).save(tmp_path / "own.png")
    assert verify(tmp_path / "made.jpg").marked
    assert not verify(tmp_path / "own.png").marked


@pytest.mark.parametrize("content", [b"", b"text, not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_verify_refuses_what_is_neither_picture_nor_video(tmp_path, content):
    (tmp_path / "file.bin").write_bytes(content)
    with pytest.raises(UserError):
        verify(tmp_path / "file.bin")
