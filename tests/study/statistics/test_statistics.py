"""Intervals that cover, Davidson that recovers, and every form of G/S/B with its known value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.statistics import agreement, bootstrap, clustered, davidson, gsb, permutation


def test_forms_of_the_known_example():
    forms = gsb.Counts(60, 130, 10).forms()
    assert forms["ratio"] == pytest.approx(1.357, abs=1e-3)
    assert forms["net"] == 0.25
    assert forms["tie_split"] == pytest.approx(0.625)
    assert forms["win_rate"] == pytest.approx(0.857, abs=1e-3)
    assert forms["not_worse"] == pytest.approx(0.95)


@given(st.tuples(*[st.integers(0, 60)] * 3))
def test_swapping_the_systems_negates_net_and_inverts_the_ratio(counts):
    one, other = gsb.Counts(*counts).forms(), gsb.Counts(*counts[::-1]).forms()
    if sum(counts):
        assert one["net"] == pytest.approx(-other["net"])
        assert one["tie_split"] == pytest.approx(1 - other["tie_split"])
    else:
        assert set(one.values()) == {None}
    if one["ratio"] and other["ratio"]:
        assert one["ratio"] * other["ratio"] == pytest.approx(1)


def test_descriptive_tests_on_known_values():
    counts = gsb.Counts(9, 3, 1)
    assert counts.sign_test() == pytest.approx(22 / 1024)
    low, high = counts.wilson(0.05)
    assert (low, high) == pytest.approx((0.5958, 0.9821), abs=1e-3)
    assert gsb.Counts(0, 5, 0).sign_test() is None
    with pytest.raises(ValueError, match="-1, 0 or 1"):
        gsb.count(np.array([0.5]))


def simulate(rng, people=24, items=12, effect=0.35, spread=0.7, each=6):
    """Votes with an effect of the participant and of the item: arrays and the true net preference."""
    person_effect, item_effect = rng.normal(0, spread, people), rng.normal(0, spread, items)
    who = np.repeat(np.arange(people), each)
    what = np.concatenate([rng.choice(items, each, replace=False) for _ in range(people)])
    noise = rng.logistic(size=who.size)
    latent = effect + person_effect[who] + item_effect[what] + noise
    return who, what, np.where(latent > 0.6, 1.0, np.where(latent < -0.6, -1.0, 0.0))


def true_net(effect=0.35, spread=0.7):
    rng = np.random.default_rng(99)
    latent = effect + rng.normal(0, spread, (2, 400_000)).sum(0) + rng.logistic(size=400_000)
    return float((latent > 0.6).mean() - (latent < -0.6).mean())


def test_two_way_intervals_cover_and_naive_ones_do_not(record_property):
    rng, truth = np.random.default_rng(1), true_net()
    hits = {"both": 0, "participants": 0, "naive": 0}
    runs = 300
    for run in range(runs):
        who, what, scores = simulate(rng)
        table = bootstrap.tabulate(who, what, scores)
        for clusters in ("both", "participants"):
            low, high = bootstrap.interval(table, 0.05, 400, run, clusters)
            hits[clusters] += low <= truth <= high
        low, high = bootstrap.naive_interval(scores, 0.05)
        hits["naive"] += low <= truth <= high
    coverage = {name: count / runs for name, count in hits.items()}
    record_property("coverage_of_nominal_95_percent", coverage)
    assert coverage["both"] >= 0.93
    assert coverage["naive"] < 0.85 < coverage["both"]
    assert coverage["naive"] <= coverage["participants"] < coverage["both"]


def test_an_interval_needs_two_people_and_two_items():
    one = bootstrap.tabulate(np.array([0, 0]), np.array([0, 1]), np.array([1.0, 0.0]))
    assert bootstrap.interval(one, 0.05, 200, 0) is None


def test_design_effect_is_one_without_clusters_and_more_with():
    rng = np.random.default_rng(0)
    who, what, scores = simulate(rng, spread=1.5, people=40)
    table = bootstrap.tabulate(who, what, scores)
    assert bootstrap.design_effect(table, scores, 500, 0) > 2


def test_sign_flip_is_exact_for_few_clusters():
    totals = np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    assert permutation.sign_flip(totals, 1000, 0) == pytest.approx(2 / 32)
    assert permutation.sign_flip(np.zeros(4), 1000, 0) == 1.0
    exact = permutation.sign_flip(np.arange(-3.0, 9.0), 10_000, 0)
    many = permutation.sign_flip(np.concatenate([np.arange(-3.0, 9.0), [1e-9] * 4]), 10_000, 0)
    assert many == pytest.approx(exact, abs=0.02)


def crossed(rng, people, items, by_person, by_item, effect=0.0):
    """A table in which everybody has judged everything; both levels have effects of their own."""
    person = rng.normal(0, by_person, (people, 1))
    latent = effect + person + rng.normal(0, by_item, items) + rng.normal(size=(people, items))
    scores = np.where(latent > 0.5, 1.0, np.where(latent < -0.5, -1.0, 0.0))
    return bootstrap.Table(scores, np.ones_like(scores))


@pytest.mark.parametrize(
    ("people", "items", "by_person", "by_item"),
    [(30, 30, 0.7, 0.7), (60, 20, 0.7, 0.4), (30, 12, 0.5, 0.3), (40, 8, 0.5, 2.0)],
)
def test_the_test_keeps_its_level_where_flips_on_one_level_do_not(
    record_property, people, items, by_person, by_item
):
    rng, runs = np.random.default_rng(2), 500
    rejected = {"two-way": 0, "flips of people": 0}
    for run in range(runs):
        table = crossed(rng, people, items, by_person, by_item)
        rejected["two-way"] += clustered.two_way_test(table) <= 0.05
        flips = permutation.sign_flip(table.sums.sum(axis=1), 200, run)
        rejected["flips of people"] += flips <= 0.05
    record_property("true_null_rejected_at_5_percent", rejected)
    assert rejected["two-way"] / runs < 0.08
    assert rejected["two-way"] < rejected["flips of people"]


def test_the_test_finds_what_is_there():
    rng = np.random.default_rng(3)
    found = [clustered.two_way_test(crossed(rng, 60, 20, 0.4, 0.2, 0.4)) < 0.05 for _ in range(50)]
    assert np.mean(found) > 0.9


def test_few_clusters_cannot_say_more_than_the_sign_test():
    agreed = bootstrap.Table(np.ones((30, 5)), np.ones((30, 5)))
    assert clustered.two_way_test(agreed) == 2 / 32
    one_person = bootstrap.Table(np.ones((1, 9)), np.ones((1, 9)))
    assert clustered.two_way_test(one_person) == 1
    assert clustered.two_way_test(bootstrap.Table(np.zeros((3, 3)), np.ones((3, 3)))) == 1
    fewest = clustered.fewest_clusters(0.05 / 12)
    assert 2 ** (1 - fewest) <= 0.05 / 12 < 2 ** (2 - fewest)


def test_interval_and_p_value_agree_and_few_items_make_it_broad():
    rng, excluded = np.random.default_rng(5), {"t": 0, "bootstrap": 0}
    for run in range(300):
        table = crossed(rng, 60, 7, 0.5, 0.8)
        low, high = clustered.two_way_interval(table, 0.05)
        outside = not low <= 0 <= high
        assert outside == (clustered.two_way_test(table) <= 0.05)
        excluded["t"] += outside
        low, high = bootstrap.interval(table, 0.05, 200, run)
        excluded["bootstrap"] += not low <= 0 <= high
    assert excluded["t"] / 300 < 0.09 < excluded["bootstrap"] / 300
    one = bootstrap.tabulate(np.array([0, 0]), np.array([0, 1]), np.array([1.0, 0.0]))
    assert clustered.two_way_interval(one, 0.05) is None


@pytest.mark.parametrize("items", [5, 6, 12])
def test_near_unanimity_the_interval_ends_where_the_p_value_does(items):
    """Full agreement of n clusters excludes no net preference above 2 (alpha / 2)^(1/n) - 1."""
    agreed = bootstrap.Table(np.ones((30, items)), np.ones((30, items)))
    low, high = clustered.two_way_interval(agreed, 0.05)
    assert (low, high) == (pytest.approx(2 * 0.025 ** (1 / items) - 1), 1.0)
    assert (low > 0) == (clustered.two_way_test(agreed) <= 0.05)
    assert clustered.at_the_floor(agreed, 0.05)
    assert clustered.two_way_interval(bootstrap.Table(-agreed.sums, agreed.numbers), 0.05) == (
        -1.0,
        -low,
    )
    split = bootstrap.Table(
        agreed.sums * np.where(np.arange(30) % 2, 1, -1)[:, None], agreed.numbers
    )
    assert not clustered.at_the_floor(split, 0.05)


def test_people_with_few_votes_count_for_less():
    rng, rejected = np.random.default_rng(6), 0
    for _ in range(500):
        table = crossed(rng, 20, 20, 0.7, 0.3)
        shown = (
            np.argsort(rng.random((20, 20)), axis=1) < np.where(np.arange(20) < 14, 1, 12)[:, None]
        )
        rejected += clustered.two_way_test(bootstrap.Table(table.sums * shown, 1.0 * shown)) <= 0.05
    assert rejected / 500 < 0.09


def davidson_votes(rng, strengths, nu, side, rows):
    left = rng.integers(0, len(strengths), rows)
    right = (left + rng.integers(1, len(strengths), rows)) % len(strengths)
    a, b = strengths[left] + side, strengths[right]
    terms = np.exp(np.stack([a, np.log(nu) + (a + b) / 2, b]))
    edges = np.cumsum(terms / terms.sum(axis=0), axis=0)
    pick = (rng.random(rows) > edges[:2]).sum(axis=0)
    return davidson.Votes(left, right, 1 - pick, np.ones(rows))


def test_davidson_recovers_what_made_the_votes():
    strengths = np.array([0.9, 0.2, -0.3, -0.8])
    votes = davidson_votes(np.random.default_rng(4), strengths, nu=0.8, side=0.25, rows=8000)
    fitted = davidson.fit(votes, 4)
    assert np.abs(fitted.strengths - strengths).max() < 0.1
    assert fitted.nu == pytest.approx(0.8, abs=0.06)
    assert fitted.left_advantage == pytest.approx(0.25, abs=0.08)
    chances = davidson.probabilities(fitted, 0, 3)
    assert sum(chances.values()) == pytest.approx(1)
    assert chances["left"] > chances["tie"] > chances["right"]


def test_the_fit_is_the_maximum_of_the_posterior():
    from scipy.optimize import minimize

    votes = davidson_votes(np.random.default_rng(0), np.array([0.5, 0.0, -0.5]), 1.0, 0.1, 60)

    def loss(x):
        a, b = x[votes.left] + x[4], x[votes.right]
        logits = np.stack([a, x[3] + (a + b) / 2, b])
        chosen = logits[1 - votes.outcome, np.arange(60)]
        prior = davidson.PRIOR / 2 * (x**2).sum()
        return (np.log(np.exp(logits).sum(axis=0)) - chosen).sum() + prior

    best = minimize(loss, np.zeros(5)).x
    fitted = davidson.fit(votes, 3)
    assert fitted.strengths == pytest.approx(best[:3] - best[:3].mean(), abs=1e-4)
    assert fitted.nu == pytest.approx(np.exp(best[3]), abs=1e-4)
    assert fitted.left_advantage == pytest.approx(best[4], abs=1e-4)


def test_intervals_of_strengths_need_two_of_each_and_grow_with_the_items_differences():
    rng = np.random.default_rng(1)
    votes = davidson_votes(rng, np.array([0.5, 0.0, -0.5]), 1.0, 0.0, 600)
    people, items = rng.integers(0, 30, 600), rng.integers(0, 10, 600)
    plain = davidson.intervals(votes, people, items, 3, 0.05)
    assert (plain[:, 0] < davidson.fit(votes, 3).strengths).all()
    one_sided = np.where(items % 2 == 0, votes.outcome, -votes.outcome)
    torn = davidson.Votes(votes.left, votes.right, one_sided, votes.weight)
    assert (
        np.ptp(davidson.intervals(torn, people, items, 3, 0.05), axis=1)
        > 1.5 * np.ptp(plain, axis=1)
    ).any()
    assert davidson.intervals(votes, np.zeros(600, int), items, 3, 0.05) is None


def test_davidson_refuses_disconnected_systems_and_stays_finite_on_total_wins():
    pairs = np.array([0, 0, 2, 2]), np.array([1, 1, 3, 3])
    with pytest.raises(davidson.DisconnectedError, match="never compared"):
        davidson.fit(davidson.Votes(*pairs, np.ones(4, int), np.ones(4)), 4)
    wins = davidson.Votes(
        np.array([0, 1]), np.array([1, 0]), np.array([1, -1]), np.array([50.0, 50.0])
    )
    fitted = davidson.fit(wins, 2)
    assert 1 < fitted.strengths[0] < 20


def test_agreement_of_equal_and_of_random_raters():
    units = np.repeat(np.arange(20), 5)
    same = np.repeat(np.tile([-1.0, 0.0, 1.0, 1.0], 5), 5)
    counts = agreement.value_counts(units, same)
    assert agreement.alpha(counts) == pytest.approx(1)
    assert agreement.raw_agreement(counts) == 1
    random = agreement.value_counts(units, np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 100))
    assert abs(agreement.alpha(random)) < 0.2
    low, high = agreement.alpha_interval(random, 0.05, 100, 0)
    assert low < 0.1 < high + 0.2
    assert agreement.alpha(agreement.value_counts(units, np.zeros(100))) is None
