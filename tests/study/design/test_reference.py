"""The reference of all keys is what the code prints."""

from pathlib import Path

from study.design import reference
from study.design.config import StudyConfig
from study.design.sections import Analysis, Catch, Limits, Quality

PAGE = Path(__file__).parents[3] / "docs" / "study-settings.md"


def test_the_page_is_what_the_models_say():
    assert PAGE.read_text(encoding="utf-8") == reference.markdown().rstrip("\n") + "\n"


def test_every_key_has_a_meaning():
    rows = [line for line in reference.markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert [
        row
        for row in rows
        if row.rstrip("| ").endswith(("`", "required", "defaults", "empty", "none"))
    ] == []


def test_every_key_of_every_section_is_there():
    text = reference.markdown()
    for model in (StudyConfig, Catch, Quality, Limits, Analysis):
        assert all(f"| `{key}` |" in text for key in model.model_fields)
