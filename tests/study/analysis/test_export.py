"""Numbers and exports follow the votes, and withdrawing erases."""

import json
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
from sqlalchemy import func, select

from study.analysis import bundle, charts, latex_tables, progress, tables
from study.analysis.dataset import read
from study.analysis.report import comparisons, report
from study.analysis.tidy_table import COLUMNS, tidy
from study.analysis.verify import verify
from study.database.models import Event, MediaToken, Participant, Trial, Vote
from study.server import exports
from study.voting import lifecycle
from tests.study.tiny import api_client, open_at, take_part


def problems(path, head=None):
    return [
        f"{outcome.step}: {outcome.problem}" for outcome in verify(path, head) if outcome.problem
    ]


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


def test_a_second_export_of_the_same_data_adds_nothing_to_the_ledger(context, voted):
    lifecycle.set_state(context.store, "closed", context.clock())
    assert exports.sealed_data(context).entries == exports.sealed_data(context).entries


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


def test_figures_are_equal_however_many_are_drawn_at_once():
    """As when one operator looks at results while another takes them out: such a bundle would not verify."""
    with ThreadPoolExecutor(6) as threads:
        drawn = threads.map(lambda _: charts.exclusion_bars({"speed": 2}), range(24))
    assert len(set(drawn)) == 1


def test_equal_data_give_an_equal_bundle(context, voted):
    assert bundle.pack(read(context)) == bundle.pack(read(context))


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
    mains = [v.record for v in dataset.votes if v.record["kind"] == "main"]
    seconds = median(record["seconds_since_served"] for record in mains)
    assert made["flow"]["median_seconds_a_pair"] == pytest.approx(seconds)
    assert f"A pair took {seconds:.0f} s in the median." in text
    assert "votes.csv" in tables.codebook(dataset)
    assert all(name in tables.codebook(dataset) for name in COLUMNS)
