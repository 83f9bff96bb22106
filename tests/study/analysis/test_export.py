"""Withdrawing erases, and `verify` notices one altered vote."""

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from study.analysis import bundle, charts, latex_tables, progress, tables
from study.analysis.dataset import StoredVote, read
from study.analysis.report import comparisons, report
from study.analysis.tidy_table import COLUMNS, tidy
from study.analysis.verify import verify
from study.canonical import dumps
from study.database import ledger
from study.database.models import Event, MediaToken, Participant, Trial, Vote
from study.errors import StudyError
from study.server import exports
from study.voting import lifecycle, votes
from tests.study.tiny import Clock, api_client, open_at, take_part


def vote(client, context):
    """Four participants, one of whom answers everything with "same"."""
    return [take_part(client, context, answer) for answer in ("left", "same", "right", "same")]


@pytest.fixture
def voted(client, context):
    return vote(client, context)


def test_the_frame_is_in_terms_of_the_systems(context, voted):
    frame = tidy(read(context))
    assert list(frame.columns) == list(COLUMNS)
    main = frame[frame["kind"] == "main"]
    assert len(main) == 4 * 6 * 5
    assert set(main["first"]) == {"oursystem"}
    left = main[main["choice"] == "left"]
    assert (left["score"] == left["first_side"].map({"left": 1.0, "right": -1.0})).all()
    assert (main[main["choice"] == "same"]["score"] == 0).all()


def test_the_report_counts_what_was_voted(context, voted):
    made = report(read(context))
    assert made["flow"]["entered"] == 4
    rows = {(row["second"], row["dimension"]): row for row in made["all_votes"]}
    assert len(rows) == 2 * 5
    assert sum(row["votes"] for row in rows.values()) == 4 * 6 * 5
    # Sides are balanced, so somebody who always says "left" is for and against in equal parts.
    assert all(abs(row["good"] - row["bad"]) <= 2 for row in rows.values())
    assert all(row["p_adjusted"] >= row["p"]["p"] for row in rows.values())
    assert made["plan"]["planned"]["primary"]["alpha"] == pytest.approx(0.05 / 2)
    assert made["plan"]["planned"]["others"]["alpha"] == pytest.approx(0.05 / 8)
    assert "4 items can show nothing on 'overall'" in made["plan"]["problems"][0]
    assert json.loads(json.dumps(made)) == made


def test_withdrawing_removes_every_row_and_changes_the_numbers(client, context, voted):
    before = report(read(context))
    person = voted[0]
    person.post("withdraw", {"participant": person.token})
    with context.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Participant)) == 3
        for table in (Trial, Vote):
            assert session.scalar(select(func.count()).select_from(table)) == 30
        owners = {row.trial_id for row in session.scalars(select(MediaToken))}
        assert len(owners) == 30
        assert session.scalar(select(func.count()).select_from(Event)) == 0
    after = report(read(context))
    assert after["flow"]["withdrawn"] == 1
    assert before["all_votes"] != after["all_votes"]
    assert sum(row["votes"] for row in after["all_votes"]) == 3 * 6 * 5
    person.post("state", {"participant": person.token}, expect=404)


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


def problems(path, head=None):
    return [
        f"{outcome.step}: {outcome.problem}" for outcome in verify(path, head) if outcome.problem
    ]


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


def test_a_second_export_of_the_same_data_adds_nothing_to_the_ledger(context, voted):
    lifecycle.set_state(context.store, "closed", context.clock())
    assert exports.sealed_data(context).entries == exports.sealed_data(context).entries


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


def test_a_line_separator_in_a_reason_does_not_break_the_bundle(context, voted, tmp_path):
    lifecycle.exclude(context.store, read(context).people[0].code, "a\u2028b\x85c", context.clock())
    lifecycle.set_state(context.store, "closed", context.clock())
    (tmp_path / "b.zip").write_bytes(bundle.pack(exports.sealed_data(context)))
    assert problems(tmp_path / "b.zip") == []


def test_exclusions_are_counted_apart_from_failed_checks(context, voted):
    first, second = (person.code for person in read(context).people[:2])
    lifecycle.exclude(context.store, first, "no sound", context.clock())
    lifecycle.set_state(context.store, "closed", context.clock())
    lifecycle.exclude(context.store, second, "an afterthought", context.clock())
    dataset = read(context)
    made = report(dataset)
    assert made["flow"]["excluded"] == {"before_results": 1, "after_results": 1}
    frame = tidy(dataset)
    assert made["flow"]["analysed"] == frame[frame["included"]]["participant"].nunique()
    text = latex_tables.methods(dataset, made)
    assert "excluded 1 before any result could be seen and 1 afterwards" in text
    assert "After 1 training pair, each participant was given 6 pairs" in text
    assert "2 catch trials with a known answer and 1 pair once more" in text


def test_holm_corrects_for_comparisons_that_nobody_has_judged(client, context):
    take_part(client, context, "varied")
    dataset = read(context)
    few = tidy(dataset).query(
        "kind == 'main' and second == 'secondbest' and dimension == 'overall'"
    )
    (row,) = comparisons(few, dataset)
    assert row["p_adjusted"] == pytest.approx(min(1.0, 2 * row["p"]["p"]))
    assert progress.so_far(few, dataset)["smallest_comparison"] == 0


def test_a_round_robin_is_corrected_for_every_pair(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, comparisons="all")
    take_part(api_client(context), context, "left")
    dataset = read(context)
    made = report(dataset)
    assert made["plan"]["tests"] == 3 * 5
    names = {row["name"] for row in made["all_votes"]}
    assert "thirdplace" in names and "secondbest : thirdplace" in names
    made["primary"] = made["all_votes"]
    assert "secondbest : thirdplace & overall" in latex_tables.latex_table(made)
    assert "compared 3 systems, each with each" in latex_tables.methods(dataset, made)


def test_system_names_are_drawn_as_they_are():
    row = {
        "first": "$\\frac{1}{2}$ and $", "second": "x",
        "dimension": "overall",
        "votes": 2, "good": 1, "same": 0, "bad": 1,
        "forms": {"net": 0.0}, "interval": None,
    }  # fmt: skip
    assert "$\\frac{1}{2}$ and $" in charts.gsb_bars([row]).decode()
    assert charts.coverage_grid({("a$b$c$", "$x_1$"): 1}).startswith(b"<?xml")


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


def test_equal_data_give_an_equal_bundle(context, voted):
    assert bundle.pack(read(context)) == bundle.pack(read(context))


def test_what_is_no_bundle_is_one_sentence(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(StudyError, match=r"x\.zip: not a study bundle"):
        verify(tmp_path / "x.zip")


def test_the_paper_texts_hold_the_numbers(context, voted):
    dataset = read(context)
    made = report(dataset)
    table = latex_tables.latex_table(made)
    assert table.count(r"\\") == 1 + len(made["primary"])
    assert latex_tables.escape("a_b & 5 %") == r"a\_b \& 5 \%"
    text = latex_tables.methods(dataset, made)
    assert "Of 4 people who agreed to take part, 0 withdrew" in text
    assert "with 5 questions (better, same, worse, cannot judge) on each." in text
    assert "above the other" not in text
    assert "votes.csv" in tables.codebook(dataset)
    assert all(name in tables.codebook(dataset) for name in COLUMNS)
