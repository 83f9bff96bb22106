"""The reference of all keys is what the code prints, and the pre-registration says what the rules say."""

from pathlib import Path

from study.design import builder, reference, registration
from study.design.config import Analysis, Catch, Limits, Quality, StudyConfig
from tests.study.tiny import configuration

PAGE = Path(__file__).parents[3] / "docs" / "study-settings.md"


def test_the_page_is_what_the_models_say():
    assert PAGE.read_text(encoding="utf-8") == reference.markdown().rstrip("\n") + "\n"


def test_every_key_of_every_section_is_there():
    text = reference.markdown()
    for model in (StudyConfig, Catch, Quality, Limits, Analysis):
        assert all(f"| `{key}` |" in text for key in model.model_fields)


def test_a_pre_registration_holds_the_hashes_and_the_numbers(built):
    config, index = configuration(comparisons="all"), builder.read_index(built / "stimuli")
    text = registration.text(config, index)
    assert config.hash() in text
    assert index.hash() in text
    assert "30 raters, 4 items" in text
    assert "Holm over the 3 tests of 'overall' first; the 12 tests" in text
    assert "in less than 0.15 s" in text
