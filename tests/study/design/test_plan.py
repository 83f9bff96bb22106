"""A futile design is told, with the number that is needed."""

from study.design import plan
from tests.study.tiny import configuration


def words(items: int, **changes: object) -> list[str]:
    return plan.shortfalls(configuration(comparisons="all", **changes), 3, items)


def test_six_items_for_fifteen_tests_are_told_with_the_number_that_is_needed():
    found = words(6)
    assert len(found) == 2
    assert "6 items can show nothing on 'overall'" in found[0]
    assert "3 tests need 7 items; add 1" in found[0]
    assert "12 tests need 9 items; add 3" in found[1]
    assert words(9) == []


def test_one_question_alone_needs_fewer_items_and_too_few_raters_are_told():
    assert (
        words(
            7,
            dimensions=[{"id": "overall"}],
            trials={"per_participant": 6, "catch": {"shifted": 0}},
        )
        == []
    )
    (sentence, _) = words(9, recruitment={"raters": 5})
    assert "5 raters can show nothing" in sentence


def test_the_plan_is_a_table_of_raters_and_items():
    config = configuration(comparisons="all")
    made = plan.plan(config, 3, 6)
    assert (made.primary.tests, made.others.tests) == (3, 12)
    assert made.primary.power == 0
    assert made.primary.raters is None
    assert 6 in made.table_items
    assert all(row[made.table_items.index(6)] == 0 for row in made.table.values())
    text = "\n".join(plan.lines(made))
    assert "CANNOT SHOW ANYTHING with 6 items, needs 7" in text
    assert "needs 9" in text
    enough = plan.plan(config, 3, 40)
    assert enough.primary.raters is not None
    assert f"{enough.primary.raters} raters give 0.80" in "\n".join(plan.lines(enough))


def test_items_that_differ_too_much_are_not_made_up_for_by_raters():
    analysis = {"resamples": 200, "expected_item_sd": 0.4}
    made = plan.plan(configuration(analysis=analysis), 3, 10)
    assert "no number of raters gives 0.80 with 10 items" in "\n".join(plan.lines(made))
