"""The builder makes both sides alike, or refuses with one sentence and leaves nothing half-built."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from study import canonical
from study.checks import audit
from study.design import builder, media, stimuli
from study.encoding.loudness import gain_to, integrated_loudness, true_peak
from study.errors import StudyError
from tests.study.tiny import FORM, SMALL, SYSTEMS, configuration, make_sources, tone_of, write_video


@pytest.fixture
def sources(built, tmp_path):
    folder = tmp_path / "sources"
    shutil.copytree(built / "sources", folder)
    return folder


def refusal(folder, target):
    """The sentence with which import or build refuses."""
    with pytest.raises(StudyError) as caught:
        manifest = stimuli.read(folder / "manifest.csv")
        builder.build(configuration(), manifest, target)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    assert not list(target.parent.glob(".building-*"))
    return str(caught.value)


def edit(folder, old, new):
    path = folder / "manifest.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_all_clips_of_an_item_have_one_structure_and_size(built):
    index = builder.read_index(built / "stimuli")
    by_item: dict[str, set] = {}
    for row in index.stimuli:
        by_item.setdefault(row.item, set()).add(audit.structure(built / "stimuli" / row.file))
    assert {len(found) for found in by_item.values()} == {1}
    assert {found.pop().canvas for found in by_item.values()} == {(64, 64)}
    variants = {row.variant for row in index.stimuli}
    assert variants == {"plain", "early", "late", "training_late", "training_jerky"}


def test_building_again_gives_the_same_bytes(built, tmp_path):
    manifest = stimuli.read(built / "sources" / "manifest.csv")
    again = builder.build(configuration(), manifest, tmp_path / "stimuli")
    assert again.hash() == builder.read_index(built / "stimuli").hash()


def test_sound_is_shared_and_at_the_asked_loudness(built):
    index = builder.read_index(built / "stimuli")
    rows = [row for row in index.plain() if row.item == "portrait1"]
    sounds = [media.read_audio(built / "stimuli" / row.file, 48_000, 1.0) for row in rows]
    assert all(np.array_equal(sounds[0], other) for other in sounds[1:])
    assert integrated_loudness(sounds[0], 48_000) == pytest.approx(-23, abs=0.5)


def test_loudness_of_the_reference_signal():
    """EBU Tech 3341, case 1: a 997 Hz sine at -23 dBFS in both channels has -23 LUFS."""
    sine = np.sin(2 * np.pi * 997 * np.arange(48_000 * 3) / 48_000)
    stereo = np.stack([sine, sine]).astype(np.float32) * 10 ** (-23 / 20)
    assert integrated_loudness(stereo, 48_000) == pytest.approx(-23, abs=0.1)
    assert true_peak(stereo) == pytest.approx(-23, abs=0.2)
    assert gain_to(stereo, 48_000, -30.0, -1.0) == pytest.approx(10 ** (-7 / 20), rel=0.02)
    assert integrated_loudness(np.zeros((1, 48_000), np.float32), 48_000) == -np.inf


def position_of_bar(frame):
    return int((frame[10, :, 0] > 200).sum())


def test_the_picture_of_a_shifted_clip_is_late_against_the_sound(built):
    index = builder.read_index(built / "stimuli")
    late = next(row for row in index.stimuli if row.variant == "late")
    plain = next(row for row in index.plain() if (row.system, row.item) == (late.system, late.item))
    frames = {
        row.variant: list(media.frames_at(built / "stimuli" / row.file, FORM, 10))
        for row in (plain, late)
    }
    shift = configuration().trials.catch.shift_ms * SMALL.fps // 1000
    for index_late in range(shift, 10):
        expected = position_of_bar(frames["plain"][index_late - shift])
        assert abs(position_of_bar(frames["late"][index_late]) - expected) <= 3


def test_shifting_keeps_the_length():
    frames = [np.full((2, 2, 3), value, np.uint8) for value in range(6)]
    for late in (-2, 2):
        moved = [int(f[0, 0, 0]) for f in builder.shifted(late)(iter(frames), 6)]
        assert moved == ([0, 0, 0, 1, 2, 3] if late > 0 else [2, 3, 4, 5, 5, 5])
    assert [int(f[0, 0, 0]) for f in builder.jerky(3)(iter(frames), 6)] == [0, 0, 0, 3, 3, 3]


def test_a_window_is_cut_from_videos_of_any_length(sources, tmp_path):
    write_video(sources / "secondbest-portrait3.mp4", 1.3, 90, tone_of(1.3, 300))
    settings = SMALL.model_dump() | {"window": [0.2, 0.5]}
    index = builder.build(
        configuration(stimuli=settings), stimuli.read(sources / "manifest.csv"), tmp_path / "out"
    )
    assert {row.frames for row in index.stimuli} == {5}
    row = next(r for r in index.plain() if (r.system, r.item) == ("oursystem", "portrait1"))
    first = next(media.frames_at(tmp_path / "out" / row.file, FORM, 5))
    assert position_of_bar(first) == pytest.approx(64 * 3 / 10, abs=4)
    settings["window"] = [0.9, 0.5]
    with pytest.raises(StudyError, match=r"asks for 0.9 to 1.4 s; shorten it"):
        builder.build(
            configuration(stimuli=settings), stimuli.read(sources / "manifest.csv"), tmp_path / "o"
        )


def test_a_missing_file_is_named(sources, tmp_path):
    (sources / "secondbest-portrait2.mp4").unlink()
    assert "secondbest-portrait2.mp4' does not exist" in refusal(sources, tmp_path / "out")


def test_a_duplicate_item_is_named(sources, tmp_path):
    edit(sources, "thirdplace,portrait1,", "secondbest,portrait1,")
    assert "'portrait1' of system 'secondbest' is listed 2 times" in refusal(
        sources, tmp_path / "out"
    )


def test_a_gap_is_named(sources, tmp_path):
    edit(sources, "thirdplace,portrait1,", "thirdplace,portrait9,")
    assert "has no video for item" in refusal(sources, tmp_path / "out")


def test_different_driving_audio_is_refused(sources, tmp_path):
    edit(
        sources,
        "secondbest-portrait1.mp4,,portrait1.mp4",
        "secondbest-portrait1.mp4,,portrait2.mp4",
    )
    assert "different audio files" in refusal(sources, tmp_path / "out")


def test_a_video_of_another_length_is_refused(sources, tmp_path):
    write_video(sources / "secondbest-portrait3.mp4", 1.3, 90, tone_of(1.3, 300))
    sentence = refusal(sources, tmp_path / "out")
    assert "secondbest-portrait3.mp4 1.30 s; set stimuli.window: [0, 1.00] to show" in sentence


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_a_broken_video_is_named(sources, tmp_path, damage):
    path = sources / "oursystem-portrait4.mp4"
    whole = path.read_bytes()
    path.write_bytes(
        {"text": b"not a video" * 50, "cut": whole[: len(whole) // 2], "empty": b""}[damage]
    )
    assert "oursystem-portrait4.mp4" in refusal(sources, tmp_path / "out")


def test_a_file_that_changed_after_import_is_named(sources, tmp_path):
    stimuli.write(stimuli.read(sources / "manifest.csv"), tmp_path / "manifest.json")
    write_video(sources / "oursystem-portrait1.mp4", 1.0, 99, tone_of(1.0, 300))
    with pytest.raises(
        StudyError, match=r"oursystem-portrait1\.mp4: changed since it was imported"
    ):
        stimuli.read(tmp_path / "manifest.json")


def test_a_failed_build_leaves_the_old_clips(built, sources, tmp_path):
    target = tmp_path / "stimuli"
    shutil.copytree(built / "stimuli", target)
    before = builder.read_index(target).hash()
    (sources / "oursystem-portrait4.mp4").write_bytes(b"broken")
    with pytest.raises(StudyError):
        builder.build(configuration(), stimuli.read(sources / "manifest.csv"), target)
    assert builder.read_index(target).hash() == before


def test_own_sound_is_brought_to_equal_loudness(tmp_path):
    folder = tmp_path / "own"
    make_sources(folder)
    rows = (folder / "manifest.csv").read_text().splitlines()
    keep = [rows[0], *[row.replace(",,portrait1.mp4", ",,") for row in rows[1:4]]]
    (folder / "manifest.csv").write_text("\n".join(keep))
    write_video(folder / f"{SYSTEMS[1]}-portrait1.mp4", 1.0, 80, 0.1 * tone_of(1.0, 400))
    config = configuration(trials={"training": 0, "catch": {"shifted": 0}})
    index = builder.build(config, stimuli.read(folder / "manifest.csv"), tmp_path / "stimuli")
    levels = {row.loudness for row in index.stimuli}
    assert max(levels) - min(levels) < 0.1
    assert (
        len({canonical.file_digest(tmp_path / "stimuli" / row.file) for row in index.stimuli}) == 3
    )


def on_a_small_disk(kilobytes, folder, command):
    """Run `python -m study` where `folder` is a disk of its own with so little room."""
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs {folder} && cp -r {folder}-files/. {folder}"
    show = f"{sys.executable} -m study {command}; echo code $?; ls -A {folder}"
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", f"{mount} && {show}"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kilobytes", [24, 160])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(study_folder, tmp_path, kilobytes):
    """A real disk without room: for the first clip, and for the last ones."""
    files, folder = tmp_path / "disk-files", tmp_path / "disk"
    files.mkdir()
    folder.mkdir()
    for name in ("study.yaml", "manifest.json"):
        shutil.copy(study_folder / name, files)
    done = on_a_small_disk(kilobytes, folder, f"build {folder}")
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("this user may not mount a small disk")
    sentence = f"study: {folder}/stimuli: cannot be written (No space left on device); nothing"
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert done.stdout.split()[-4:] == ["code", "2", "manifest.json", "study.yaml"]
