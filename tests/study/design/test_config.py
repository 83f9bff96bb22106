"""One clear sentence for every mistake in study.yaml."""

import pytest
import yaml

from study.design.config import load
from study.design.sections import LOCALES
from study.design.translations import texts
from study.errors import StudyError
from tests.study.tiny import configuration


def write(path, **changes):
    raw = {"name": "tiny", "title": {"en": "Which?"}, "seed": 1, "candidate": "ours"} | changes
    path.write_text(yaml.safe_dump(raw))
    return path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"candiate": "x"}, "candiate is not a setting; did you mean candidate?"),
        ({"trials": {"per_particpant": 3}}, "trials.per_particpant is not a setting; did you mean"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0, found -1"),
        ({"title": {"fr": "Lequel?"}}, "title.fr"),
        ({"dimensions": [{"id": "a1"}, {"id": "a1"}]}, "dimensions must be distinct"),
        ({"dimensions": [{"id": "only"}]}, "analysis.primary_dimension is 'overall'"),
        ({"recruitment": {"mode": "prolific"}}, "recruitment.codes.finished is needed"),
        ({"title": {}}, "title: Dictionary should have at least 1 item"),
        ({"quality": {"drift_ms": float("inf")}}, "drift_ms: Input should be a finite number"),
    ],
)
def test_a_mistake_is_named_with_file_and_rule(tmp_path, changes, sentence):
    path = write(tmp_path / "study.yaml", **changes)
    with pytest.raises(StudyError) as caught:
        load(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_yaml_reads_as_numbers_and_a_byte_order_mark(tmp_path):
    path = write(tmp_path / "study.yaml", candidate=1, consent={"version": 1.0})
    path.write_bytes("\ufeff".encode() + path.read_bytes())
    config = load(path)
    assert (config.candidate, config.consent.version) == ("1", "1.0")


@pytest.mark.parametrize(
    "name", ["no", "On", "007", "2026-11-29", "2026-02-31", "1:30", "0x10", "1.10", "1_0", "+5"]
)
def test_names_stay_what_they_are_in_the_manifest(tmp_path, name):
    """YAML 1.1 finds truth values, dates and numbers of other bases in them."""
    path = write(tmp_path / "study.yaml")
    path.write_text(path.read_text().replace("ours", name) + "sound_check: {headphones: true}\n")
    config = load(path)
    assert (config.candidate, config.seed, config.sound_check.headphones) == (name, 1, True)


def test_names_are_compared_as_they_look(tmp_path):
    path = write(tmp_path / "study.yaml", candidate=" e\u0301ditor ", anchor="u\u0308ber")
    assert (load(path).candidate, load(path).anchor) == ("\u00e9ditor", "\u00fcber")


@pytest.mark.parametrize(
    "content",
    ["name: [", "- a list", "", "a: 1\na: 2", "a: {b: 1, b: 2}", "[" * 5000, "a: " + "9" * 5000],
    ids=["open", "list", "empty", "twice", "twice below", "deep", "long number"],
)
def test_what_is_not_a_mapping_is_refused(tmp_path, content):
    (tmp_path / "study.yaml").write_text(content)
    with pytest.raises(StudyError, match=r"study\.yaml") as caught:
        load(tmp_path / "study.yaml")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_hash_follows_every_rule_but_not_how_the_study_is_run():
    plain = configuration()
    assert plain.hash() == configuration(database="sqlite:///elsewhere.db").hash()
    assert plain.hash() == configuration(server={"trusted_proxies": ["10.0.0.1"]}).hash()
    assert plain.hash() == configuration(limits={"enrolments_per_hour": 500}).hash()
    assert plain.hash() != configuration(seed=6).hash()


def keys(value, path=()):
    if not isinstance(value, dict):
        return {path}
    return {key for name, part in value.items() for key in keys(part, (*path, name))}


def test_every_language_has_every_text():
    english = keys(texts("en"))
    for locale in LOCALES:
        assert keys(texts(locale)) == english
        # YAML reads bare yes and no as truth values
        assert all(isinstance(part, str) for key in keys(texts(locale)) for part in key)
