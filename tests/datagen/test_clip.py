import numpy as np
import pytest

from flowact.datagen.clip import FLOW_GRID, LANDMARKS, Clip, decode_jpeg, encode_jpeg, pack_frames
from flowact.timebase import FRAME_SIZE, FRAMES_PER_CHUNK, SAMPLES_PER_CHUNK, SAMPLES_PER_FRAME


def gradient(shift: int) -> np.ndarray:
    ramp = np.linspace(0, 200, FRAME_SIZE).astype(np.uint8)
    return np.stack(
        [
            ramp[None] + 0 * ramp[:, None],
            ramp[:, None] + 0 * ramp[None],
            np.full((480, 480), shift, np.uint8),
        ],
        -1,
    )


def make_clip(length: int = 8, **changes: object) -> Clip:
    rng = np.random.default_rng(0)
    frames, offsets = pack_frames([gradient(10 * i) for i in range(length)])
    flow = rng.uniform(-1, 1, (2, length, FLOW_GRID, FLOW_GRID, 2)).astype(np.float16)
    visible = np.full((length, FLOW_GRID, FLOW_GRID), 255, np.uint8)
    arrays = {
        "frames": frames, "frame_offsets": offsets, "reference": encode_jpeg(gradient(0)),
        "audio": rng.integers(-9, 9, length * SAMPLES_PER_FRAME).astype(np.int16),
        "curves": rng.random((length, 52)).astype(np.float16), "pose": np.zeros((length, 18, 3), np.float16),
        "opening": np.zeros(length, np.float16), "landmarks": np.zeros((length, len(LANDMARKS), 2), np.float16),
        "flow_whole": flow[0], "flow_face": flow[1], "visible_whole": visible, "visible_face": visible,
        "behaviour": np.zeros(length, np.uint8),
    }  # fmt: skip
    return Clip(**{**arrays, "phonemes": [("AH", 0.1, 0.2)], "meta": {"seed": 7}, **changes})  # type: ignore[arg-type]


def test_a_chunk_of_frames_and_of_samples_last_equally_long() -> None:
    assert FRAMES_PER_CHUNK * SAMPLES_PER_FRAME == SAMPLES_PER_CHUNK == 7680


def test_round_trip_keeps_every_array(tmp_path) -> None:
    clip = make_clip()
    clip.save(tmp_path / "train" / "7.npz")
    loaded = Clip.load(tmp_path / "train" / "7.npz")
    assert [p.name for p in (tmp_path / "train").iterdir()] == ["7.npz"]
    for name, value in vars(clip).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(loaded, name), value)
    assert loaded.phonemes == [("AH", 0.1, 0.2)] and loaded.meta == {"seed": 7}


def test_single_frames_decode_to_the_right_picture(tmp_path) -> None:
    make_clip().save(tmp_path / "7.npz")
    clip = Clip.load(tmp_path / "7.npz")
    assert np.abs(clip.frame(5).astype(int) - gradient(50)).mean() < 1.5
    np.testing.assert_array_equal(clip.pictures(slice(4, 6))[1], clip.frame(5))
    assert clip.pictures(slice(3, 3)).shape == (0, 480, 480, 3)
    assert np.abs(clip.reference_image().astype(int) - gradient(0)).mean() < 1.5
    with pytest.raises(IndexError, match="frame 8"):
        clip.frame(8)


def test_jpeg_keeps_colour_at_full_resolution() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (200, 40, 40)
    stripes[:, 1::2] = (40, 40, 200)
    assert np.abs(decode_jpeg(encode_jpeg(stripes)).astype(int) - stripes).max() < 40


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio": np.zeros(5, np.int16)}, "audio has shape"),
        ({"curves": np.zeros((8, 51), np.float16)}, r"curves is float16 \(8, 51\)"),
        ({"visible_face": np.zeros((8, 60, 60), np.float32)}, "visible_face is float32"),
    ],
)
def test_wrong_arrays_are_named(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        make_clip(**changes)


def test_length_must_be_whole_latents() -> None:
    with pytest.raises(ValueError, match="6 frames"):
        make_clip(6)


def test_other_files_are_refused(tmp_path) -> None:
    (tmp_path / "a.npz").write_bytes(b"not a zip file at all")
    with pytest.raises(ValueError, match="not a clip"):
        Clip.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", frames=np.zeros(3))
    with pytest.raises(ValueError, match="it lacks"):
        Clip.load(tmp_path / "b.npz")
