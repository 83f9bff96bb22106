"""A bundle is what was exported, or `verify` says in which step it is not."""

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.analysis import bundle, charts
from study.analysis.dataset import StoredVote, read
from study.analysis.verify import verify
from study.canonical import dumps
from study.database import ledger
from study.errors import StudyError
from study.server import exports
from study.voting import lifecycle, votes
from tests.study.analysis.test_export import problems, vote
from tests.study.tiny import Clock, api_client, open_at


@pytest.fixture(scope="module")
def closed(built, tmp_path_factory):
    """A closed study's bundle, with one participant withdrawn and one excluded."""
    folder = tmp_path_factory.mktemp("closed")
    context = open_at(built, folder, Clock())
    voted = vote(api_client(context), context)
    voted[3].post("withdraw", {"participant": voted[3].token})
    code = read(context).people[2].code
    lifecycle.exclude(context.store, code, "=told us the task was unclear", context.clock())
    lifecycle.set_state(context.store, "closed", context.clock())
    (folder / "bundle.zip").write_bytes(bundle.pack(exports.sealed_data(context)))
    context.store.close()
    return folder / "bundle.zip"


@pytest.fixture
def packed(closed, tmp_path):
    """A copy of that bundle, to be spoilt."""
    return Path(shutil.copy(closed, tmp_path))


def rewrite(path, change):
    """Change files of a bundle and set its listing right, as somebody who cheats would."""
    import hashlib

    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    listing = {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n != bundle.LISTING}
    files[bundle.LISTING] = json.dumps(listing).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_an_untouched_bundle_verifies(packed):
    assert problems(packed) == []
    head = bundle.to_dataset(bundle.unpack(packed)[0], packed).entries[-1].hash
    assert problems(packed, head) == []
    assert all(outcome.compared for outcome in verify(packed, head))
    assert "ends as published" in problems(packed, "0" * 64)[0]
    for no_hash in ("", head[:16]):
        with pytest.raises(StudyError, match="64 hexadecimal digits"):
            verify(packed, no_hash)


def test_one_altered_vote_is_noticed(packed):
    def alter(files):
        lines = files["votes.jsonl"].decode().splitlines()
        vote = json.loads(lines[4])
        name = next(iter(vote["record"]["choices"]))
        vote["record"]["choices"][name] = (
            "right" if vote["record"]["choices"][name] != "right" else "left"
        )
        lines[4] = dumps(vote)
        files["votes.jsonl"] = "\n".join(lines).encode()

    rewrite(packed, alter)
    assert any("was altered: its digest does not match" in problem for problem in problems(packed))


def test_a_removed_vote_an_altered_number_and_an_altered_file_are_noticed(packed, tmp_path):
    copies = [shutil.copy(packed, tmp_path / f"{number}.zip") for number in range(3)]

    def drop(files):
        files["votes.jsonl"] = b"\n".join(files["votes.jsonl"].splitlines()[1:])

    rewrite(copies[0], drop)
    assert any("neither present nor erased" in problem for problem in problems(copies[0]))

    def polish(files):
        made = json.loads(files["report.json"])
        made["primary"][0]["forms"]["net"] = 0.9
        files["report.json"] = json.dumps(made).encode()

    rewrite(copies[1], polish)
    assert problems(copies[1]) == ["report.json is what the votes give: it differs"]
    with zipfile.ZipFile(copies[2], "a") as archive:
        archive.writestr("extra.txt", "x")
    assert any("extra.txt does not match the listing" in problem for problem in problems(copies[2]))


def edited_data(change):
    def edit(files):
        data = json.loads(files["data.json"])
        change(data)
        files["data.json"] = json.dumps(data).encode()

    return edit


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data["people"].pop(2), "is not as in the ledger"),
        (lambda data: data["people"].append(data["people"][0]), "listed twice"),
        (lambda data: data["people"][0].update(state="screened"), "is not as in the ledger"),
        (lambda data: data["meta"].update(revealed_at=1.0), "revealed_at is not as in the ledger"),
        (lambda data: data["meta"].update(items=40), "items is not as in the ledger"),
        (lambda data: data["people"][0].update(locale="zh"), "is not as in the ledger"),
        (lambda data: data["people"][0].update(consent_hash="0"), "is not as in the ledger"),
        (lambda data: data["people"][0]["facts"]["device"].update(width=1), "said of themselves"),
        (lambda data: data["clips"]["stimuli"][0].update(sha256="0"), "the list of clips"),
        (lambda data: data["systems"].reverse(), "systems is not as in the ledger"),
        (lambda data: data["systems"][1].__setitem__(1, "anchor"), "systems is not as in"),
    ],
)
def test_people_rules_and_systems_are_those_of_the_ledger(packed, change, problem):
    rewrite(packed, edited_data(change))
    found = problems(packed)
    assert any(problem in line for line in found)
    assert "the numbers are what the votes give: not looked at: see above" in found


@pytest.mark.parametrize(
    "name",
    [
        *("gsb.svg", "gsb.png", "codebook.md", "methods.txt", "votes.csv"),
        *("report.json", "study.yaml", "data.json"),
    ],
)
def test_a_polished_figure_or_text_is_noticed(packed, name):
    def polish(files):
        files[name] += b" "

    rewrite(packed, polish)
    found = problems(packed)
    assert found and all(line.startswith(name) for line in found)


def test_figures_of_another_program_are_held_against_their_hashes(packed, monkeypatch):
    """What another version of matplotlib drew cannot be drawn again, and no other picture passes."""
    head = bundle.to_dataset(bundle.unpack(packed)[0], packed).entries[-1].hash
    monkeypatch.setattr(charts, "drawn_by", lambda: "matplotlib 99.0")
    assert problems(packed, head) == []
    (skipped,) = [outcome.step for outcome in verify(packed, head) if not outcome.compared]
    assert "where this is matplotlib 99.0" in skipped
    rewrite(packed, lambda files: files.update({"gsb.png": b"any picture"}))
    assert problems(packed, head) == ["gsb.png is what was exported: it differs"]


def test_a_bundle_that_was_rewritten_as_a_whole_is_not_proven_and_has_another_end(packed):
    """All votes turned to the candidate, with digests, ledger and figures to match."""
    files = bundle.unpack(packed)[0]
    honest = bundle.to_dataset(files, packed)
    turned = [
        StoredVote(record, vote.salt, votes.digest(record, vote.salt))
        for vote in honest.votes
        for record in [vote.record | {"choices": favouring("oursystem", vote.record)}]
    ]
    digests = {a.digest: b.digest for a, b in zip(honest.votes, turned, strict=True)}
    forged = rechained(replace(honest, votes=tuple(turned)), digests, seal=None)
    forged = rechained(forged, {}, seal=bundle.seal(forged))
    packed.write_bytes(bundle.pack(forged))
    assert problems(packed) == []
    assert [outcome.compared for outcome in verify(packed)].count(False) == 1
    (problem,) = problems(packed, honest.entries[-1].hash)
    assert "the ledger ends as published: the last hash is" in problem


def favouring(system, record):
    sides = {record[side]["system"]: side for side in ("left", "right")}
    return dict.fromkeys(record["choices"], sides.get(system, "same"))


def rechained(dataset, digests, seal):
    """The ledger with other digests of votes, and another end, as one chain again."""
    entries, previous = [], ledger.GENESIS
    for entry in dataset.entries:
        body = dict(entry.body)
        if entry.kind == "vote":
            body["digest"] = digests.get(body["digest"], body["digest"])
        if entry.kind == bundle.EXPORTED and seal:
            body = seal
        made = replace(entry, body=body, previous=previous)
        entries.append(replace(made, hash=ledger.row_hash(made)))
        previous = entries[-1].hash
    return replace(dataset, entries=tuple(entries))


def test_who_drew_the_figures_is_in_the_ledger(packed):
    """Saying that another program drew them breaks the chain."""

    def claim(files):
        text = files["ledger.jsonl"].decode()
        files["ledger.jsonl"] = text.replace(charts.drawn_by(), "matplotlib 1.0").encode()

    rewrite(packed, claim)
    assert any("unbroken chain" in problem for problem in problems(packed))


def test_a_bundle_that_would_fill_the_memory_is_not_read(packed, tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("votes.jsonl", b"0" * (300 * 2**20))
    with pytest.raises(StudyError, match="unpack to"):
        verify(bomb)
    with zipfile.ZipFile(bomb, "w") as archive:
        for number in range(bundle.MOST_FILES + 1):
            archive.writestr(f"{number}", b"")
    with pytest.raises(StudyError, match="at most"):
        verify(bomb)
    aliases = b"name: &a [x, x]\ntitle: [*a, *a]\n"
    rewrite(packed, lambda files: files.update({"study.yaml": aliases}))
    with pytest.raises(StudyError, match="holds a reference"):
        verify(packed)


def test_a_file_that_is_in_it_twice_is_no_bundle(packed):
    with zipfile.ZipFile(packed, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("report.json", "{}")
    with pytest.raises(StudyError, match="a file is in it twice"):
        verify(packed)


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_broken_bundle_is_one_sentence_or_a_problem(packed, tmp_path, data):
    """Bytes that are flipped, and parts of another type than was exported."""
    broken = tmp_path / "broken.zip"
    if data.draw(st.booleans()):
        content = bytearray(packed.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
        broken.write_bytes(content)
    else:
        shutil.copy(packed, broken)
        wrong = data.draw(st.sampled_from([None, 7, "x", [], {}, [[]], [{}], {"a": 1}]))
        key = data.draw(st.sampled_from(["meta", "systems", "people", "format"]))
        rewrite(broken, edited_data(lambda content: content.update({key: wrong})))
    try:
        found = [outcome.problem for outcome in verify(broken)]
    except StudyError as error:
        assert "\n" not in str(error)
    else:
        assert found


def test_an_unwelcome_vote_cannot_be_excluded_afterwards(packed):
    """An exclusion counts only as a row of the ledger, and a row more breaks the chain."""

    def exclude(files):
        lines = files["ledger.jsonl"].decode().splitlines()
        row = json.loads(lines[-1]) | {
            "kind": "excluded",
            "body": {"participant": "p", "reason": "r"},
        }
        files["ledger.jsonl"] = "\n".join([*lines, json.dumps(row)]).encode()

    rewrite(packed, exclude)
    assert any("unbroken chain" in problem for problem in problems(packed))


def test_the_bundle_holds_every_figure_and_its_numbers(packed):
    with zipfile.ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert {name for name in files if name.endswith(("svg", "png"))} == {
        "gsb.svg", "gsb.png", "items.svg", "strengths.svg", "coverage.svg", "exclusions.svg",
    }  # fmt: skip
    assert files["gsb.png"].startswith(b"\x89PNG")
    drawn = files["coverage.svg"].decode()
    assert "oursystem : secondbest" in drawn
    row = json.loads(files["report.json"])["primary"][0]
    assert f"{row['good']} / {row['same']} / {row['bad']}" in files["gsb.svg"].decode()


def test_what_is_no_bundle_is_one_sentence(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(StudyError, match=r"x\.zip: not a study bundle"):
        verify(tmp_path / "x.zip")
