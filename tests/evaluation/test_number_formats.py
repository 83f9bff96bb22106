"""What formats cost, on random weights: the exact one nothing, coarser ones more."""

from pathlib import Path

import numpy as np
import pytest

from flowact.evaluation import number_formats
from flowact.evaluation.number_formats import EXACT, FORMATS, NumberFormat
from flowact.evaluation.subjects import Subject
from flowact.mmdit.quantised import QuantisedLinear, eight_bit_layers
from tests.tiny_pipeline import speech, tiny_pipeline


@pytest.fixture
def person() -> Subject:
    picture = np.full((480, 480, 3), 128, np.uint8)
    nothing = np.zeros(0, np.float32)
    return Subject("nobody", picture, nothing, nothing, np.zeros(0, np.bool_), ())


def test_errors_grow_with_coarseness(
    person: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(number_formats, "CHUNKS", 3)
    monkeypatch.setattr(number_formats.Recording, "open", lambda _: speech(2.0))
    pipeline = tiny_pipeline()
    made = {form.name: form.of(pipeline.transformer) for form in (EXACT, *FORMATS)}
    found = number_formats.latent_errors(pipeline, made, tmp_path, person)
    assert found["float32"] == (0.0, 0.0)
    assert 0 < found["int8 per row"][0] < found["fp8 per row"][0] < 0.2
    assert all(same > 0 and alone > 0 for name, (same, alone) in found.items() if name != "float32")
    assert eight_bit_layers(pipeline.transformer)  # the original is as it was


def test_a_format_is_what_it_is_called() -> None:
    exact = tiny_pipeline().transformer
    for form in FORMATS:
        made = form.of(exact)
        layers = [m for m in made.modules() if isinstance(m, QuantisedLinear)]
        labels = {f"{layer.form} per {layer.granularity}" for layer in layers}
        assert all(label in form.name for label in labels)
        assert bool(layers) == (" per " in form.name)
        assert (made.memory_format == "fp8") == ("fp8 memory" in form.name)
        assert str(made.dtype).removeprefix("torch.") == (
            "bfloat16" if "bfloat16" in form.name else "float32"
        )
    assert isinstance(NumberFormat("plain").of(exact), type(exact))
