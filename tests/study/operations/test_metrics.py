"""What operators count of a study, from real requests."""

import pytest
from prometheus_client import REGISTRY

from study.database import ledger
from study.operations import metrics
from study.operations.metrics import ExcludedShare, Uncounted, figures
from tests.study.tiny import api_client, open_at, take_part


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_votes_refusals_and_waits_are_counted(context, client):
    context.store.waited = figures().waited
    before = [
        value("study_votes_total"),
        value("study_refused_total", reason="unknown_participant"),
        value("study_write_wait_seconds_count"),
    ]
    person = take_part(client, context)
    stored = len(client.post("/api/state", json={"participant": person.token}).json())
    assert stored
    client.post("/api/next", json={"participant": "x" * 20})
    votes, refused, waits = (
        value("study_votes_total") - before[0],
        value("study_refused_total", reason="unknown_participant") - before[1],
        value("study_write_wait_seconds_count") - before[2],
    )
    assert votes >= 6 and refused == 1 and waits > votes


def test_the_excluded_share_is_reckoned_beside_the_requests(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock)
    client = api_client(context)
    for answer in ("varied", "left"):  # always the same side fails a check, at least of ten answers
        take_part(client, context, answer)
    share = ExcludedShare(context)
    with share._reckoning:  # as long as it takes
        assert list(share.collect()) == [], "not known yet, and nobody waits for it"
    share.reckon()
    (metric,) = share.collect()
    assert 0 < metric.samples[0].value <= 1
    context.store.close()


def test_without_the_package_nothing_is_counted(monkeypatch):
    monkeypatch.setattr(metrics, "find_spec", lambda _name: None)
    assert isinstance(metrics.figures.__wrapped__(), Uncounted)


def test_reckoning_is_no_early_look(context):
    """Operators' figures name no system: the ledger says nothing of them."""
    ExcludedShare(context).reckon()
    with context.store.read() as session:
        assert [entry.kind for entry in ledger.read(session)] == ["opened"]


@pytest.mark.parametrize("name", ["voted", "refused", "waited", "watch"])
def test_both_kinds_count_the_same(name):
    assert callable(getattr(Uncounted(), name)) and callable(getattr(figures(), name))
