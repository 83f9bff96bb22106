"""No name of a system, item or file in any reply, and `audit` notices what would tell sides apart."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from study import canonical
from study.checks import audit, side_channels
from study.checks.side_channels import Fetch
from study.design import audit_record, builder, media, stimuli
from study.errors import StudyError
from tests.study.tiny import FORM, SYSTEMS, configuration, picture, someone, tone_of, write_video


@pytest.fixture(scope="module")
def rehearsal(built):
    return audit.rehearse(configuration(), builder.read_index(built / "stimuli"), built)


@pytest.fixture
def rehearsed(rehearsal):
    """Every reply that one participant receives, pages and clips included."""
    return rehearsal.replies


def names_of(built):
    manifest = stimuli.read(built / "sources" / "manifest.csv")
    return sorted(
        {*manifest.secrets(), *(row.file for row in builder.read_index(built / "stimuli").stimuli)}
    )


def test_no_reply_names_a_system_an_item_or_a_file(built, rehearsed):
    names = names_of(built)
    assert {"oursystem", "portrait1", "secondbest-portrait2"} <= set(names)
    assert audit.leaks(rehearsed, names) == ""
    kinds = {path.split("/")[0] for path, _ in rehearsed}
    assert {
        "",
        "config",
        "gradio_api",
        "page",
        "media",
        "next",
        "vote",
        "withdraw",
        "admin",
    } <= kinds


def test_the_search_finds_what_it_looks_for(rehearsed):
    assert "'participant' is in the reply" in audit.leaks(rehearsed, ["participant"])


def test_headers_of_all_clips_are_alike(rehearsed):
    clips = [
        reply for path, reply in rehearsed if path.startswith("media/") and reply.status_code == 200
    ]
    assert len(clips) == 20
    for reply in clips:
        headers = dict(reply.headers)
        headers.pop("content-length")
        headers.pop("vary", None)  # of the CORS middleware, on every reply
        assert headers == {
            "cache-control": "no-store",
            "accept-ranges": "bytes",
            "referrer-policy": "no-referrer",
            "content-type": "video/mp4",
        }


def test_both_sides_of_every_pair_have_one_size_and_fresh_addresses(rehearsed):
    served = [
        reply.json() for path, reply in rehearsed if path == "next" and not reply.json()["done"]
    ]
    sizes = {path: len(reply.content) for path, reply in rehearsed if path.startswith("media/")}
    addresses = [pair[side] for pair in served for side in ("left", "right")]
    assert len(set(addresses)) == len(addresses) == 20
    assert all(sizes[f"media/{pair['left']}"] == sizes[f"media/{pair['right']}"] for pair in served)


def test_a_clip_is_served_in_ranges_without_redirects(client, context):
    person = someone(client, context)
    person.admit()
    served = person.post("next", {"participant": person.token})
    address = f"/media/{served['left']}"
    whole = client.get(address, follow_redirects=False)
    assert whole.status_code == 200
    part = client.get(address, headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, whole.content[4:12])
    assert part.headers["content-range"] == f"bytes 4-11/{len(whole.content)}"
    tail = client.get(address, headers={"Range": "bytes=-5"})
    assert tail.content == whole.content[-5:]
    assert client.get(address, headers={"Range": "bytes=99999999-"}).status_code == 416
    for wrong in ("bytes=1-2,5-6", "bytes=-0", "bytes=-", f"bytes={'9' * 5000}-", "bytes=5-4"):
        assert client.get(address, headers={"Range": wrong}).status_code == 416
    context.clock.pass_time(31 * 60)
    assert client.get(address).status_code == 410
    assert client.get("/media/anything").status_code == 404


@pytest.fixture
def folder(built, tmp_path):
    target = tmp_path / "study"
    shutil.copytree(built, target)
    return target


def problems(folder, config=None):
    manifest = stimuli.read(folder / "sources" / "manifest.csv")
    checks = audit.audit(config or configuration(), manifest, folder)
    return [check.problem for check in checks if check.problem]


def test_an_untouched_study_passes_and_may_open(folder):
    assert problems(folder) == []
    config, index = configuration(), builder.read_index(folder / "stimuli")
    manifest = stimuli.read(folder / "sources" / "manifest.csv")
    path = folder / "audit.json"
    with pytest.raises(StudyError, match="has not been audited"):
        audit_record.require_passed(config, index, path)
    audit_record.save(audit.audit(config, manifest, folder), index, config, path)
    audit_record.require_passed(config, index, path)
    with pytest.raises(StudyError, match="changed since the audit"):
        audit_record.require_passed(configuration(seed=9), index, path)


def test_an_altered_clip_and_a_stale_build_are_noticed(folder):
    clip = next((folder / "stimuli").glob("*.mp4"))
    clip.write_bytes(clip.read_bytes()[:-1] + b"x")
    assert "was altered after it was built" in problems(folder)[0]
    changed = configuration(stimuli=configuration().stimuli.model_dump() | {"crf": 20})
    assert "the configuration changed" in problems(folder, changed)[0]


def replace_clip(folder, system, write):
    """Swap one system's clip for another one, as a careless pipeline would, index and all."""
    path = folder / "stimuli" / "index.json"
    raw = json.loads(path.read_text())
    row = next(
        row for row in raw["stimuli"] if row["system"] == system and row["variant"] == "plain"
    )
    target = folder / "stimuli" / "new.mp4"
    write(target, row["bytes"])
    row["sha256"] = canonical.file_digest(target)
    row["bytes"] = target.stat().st_size
    target.rename(target.with_name(row["file"]))
    path.write_text(json.dumps(raw))


def encode(path, size, changes=None, gain=1.0, title=""):
    pictures = (picture(20, index, 10) for index in range(10))
    media.write_clip(path, pictures, gain * tone_of(1.0, 220), replace(FORM, **(changes or {})))
    if title:
        data = path.read_bytes()
        path.write_bytes(data + (8 + len(title)).to_bytes(4, "big") + b"free" + title.encode())
    missing = size - path.stat().st_size
    if missing >= 8:
        path.write_bytes(
            path.read_bytes() + missing.to_bytes(4, "big") + b"free" + bytes(missing - 8)
        )


def test_another_size_of_the_picture_is_noticed(folder):
    replace_clip(folder, SYSTEMS[1], lambda path, size: encode(path, size, {"width": 96}))
    assert any("differs from" in problem for problem in problems(folder))


def test_another_loudness_is_noticed(folder):
    replace_clip(folder, SYSTEMS[1], lambda path, size: encode(path, size, gain=0.1))
    assert any("loudness lies between" in problem for problem in problems(folder))


def test_a_name_inside_a_clip_is_noticed(folder):
    replace_clip(folder, SYSTEMS[1], lambda path, size: encode(path, size, title="secondbest"))
    assert any("contains 'secondbest'" in problem for problem in problems(folder))


def test_a_size_that_differs_by_a_byte_is_noticed(folder):
    replace_clip(folder, SYSTEMS[1], lambda path, size: encode(path, size + 9))
    assert any("run `study build` again" in problem for problem in problems(folder))


def test_a_sound_that_was_exchanged_after_the_build_is_noticed(folder):
    write_video(folder / "sources" / "portrait2.mp4", 1.0, 3, tone_of(1.0, 999))
    assert "portrait2.mp4: changed since the clips were built" in problems(folder)[0]


@pytest.mark.parametrize(
    "names", [("1", "2", "A"), ("left", "other", "main"), ("und", "mp41", "v2")]
)
def test_names_that_stand_in_the_page_by_chance_are_no_leak(folder, names):
    """They tell nobody anything: only a name that comes from the study itself counts."""
    path = folder / "stimuli" / "index.json"
    manifest = folder / "sources" / "manifest.csv"
    for system, name in zip(SYSTEMS, names, strict=True):
        path.write_text(path.read_text().replace(f'"{system}"', f'"{name}"'))
        manifest.write_text(manifest.read_text().replace(f"\n{system},", f"\n{name},"))
    config = configuration(candidate=names[0])
    raw = json.loads(path.read_text()) | {"settings_hash": builder.settings_hash(config)}
    path.write_text(json.dumps(raw))
    assert problems(folder, config) == []


def fetches(delay=0.0, header="4"):
    """Twenty fetches of each of two clips of three systems; the last system's are special."""
    dice = np.random.default_rng(1)
    found = []
    for system in SYSTEMS:
        special = system == SYSTEMS[-1]
        for item, usual in (("portrait1", 0.002), ("portrait2", 0.009)):
            headers = {"content-length": header if special else "4"}
            for noise in dice.exponential(0.001, 20):
                seconds = usual + noise + delay * special
                found.append(Fetch(system, item, seconds, headers))
    return found


def test_a_slow_system_and_a_telling_header_are_noticed():
    assert side_channels.told_by_timing(fetches()) == ""
    assert "tells the systems apart" in side_channels.told_by_timing(fetches(delay=0.002))
    assert side_channels.told_by_headers(fetches()) == ""
    assert "the header content-length differs" in side_channels.told_by_headers(fetches(header="5"))


def test_every_clip_is_timed_as_it_is_served(built, rehearsal):
    clips = builder.read_index(built / "stimuli").plain()
    timed = rehearsal.fetches
    assert len(timed) == (side_channels.ROUNDS - 1) * len(clips)
    assert {fetch.headers["content-type"] for fetch in timed} == {"video/mp4"}
    assert all(fetch.seconds > 0 for fetch in timed)
