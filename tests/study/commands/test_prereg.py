"""A pre-registration says what the rules say."""

from study.commands import prereg
from study.design import builder
from tests.study.tiny import configuration


def test_a_pre_registration_holds_the_hashes_and_the_numbers(built):
    config, index = configuration(comparisons="all"), builder.read_index(built / "stimuli")
    text = prereg.text(config, index)
    assert config.hash() in text
    assert index.hash() in text
    assert "30 raters, 4 items" in text
    assert "Holm over the 3 tests of 'overall' first; the 12 tests" in text
    assert "in less than 0.15 s" in text
