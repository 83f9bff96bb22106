"""What `study init` writes."""

from __future__ import annotations

import secrets
from pathlib import Path

from study.errors import StudyError

STUDY = """\
# Everything about the study that is decided before the first vote. Unknown keys are refused.
name: {name}
title:
  en: "Which talking portrait do you prefer?"
  zh: "您更喜欢哪一个会说话的人像？"
seed: {seed}
candidate: ours          # the system of interest, as named in the manifest
# anchor: rendered       # a system known to be best; catch trials are made from it
# comparisons: all       # candidate (default) against each other system, or all pairs
trials:
  per_participant: 20    # or all pairs, where there are fewer
  training: 2
  catch:
    identical: 2         # the same video on both sides
    shifted: 1           # early or late lips
    frozen: 1            # a picture that stands still
    # system: recordings # whose videos are spoilt for these; best real recordings
stimuli:
  fit: pad               # or crop: videos of another shape fill the canvas
  # width: 512           # size and rate are chosen for the videos
  # height: 512
  # fps: 30
  # window: [0, 8]       # start and seconds of every video; default: all
consent:
  version: "1"
  contact: ""            # an address for questions
recruitment:
  mode: open             # or prolific, with codes: {{finished: ..., screened: ..., withdrawn: ...}}
# database: postgresql://user@host/name   # default: study.db in this folder
"""

MANIFEST = """\
system,item,file,reference,audio,licence
ours,item1,videos/ours-item1.mp4,inputs/item1.png,inputs/item1.wav,CC-BY-4.0
other,item1,videos/other-item1.mp4,inputs/item1.png,inputs/item1.wav,CC-BY-4.0
"""


def write_new(folder: Path) -> None:
    """Make the folder with both files; raises StudyError rather than overwrite anything."""
    letters = folder.resolve().name.lower()
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in letters) or "study"
    name = name if name[0].isalpha() and len(name) > 1 else f"study_{name}"
    files = {
        "study.yaml": STUDY.format(name=name[:40], seed=secrets.randbelow(2**31)),
        "manifest.csv": MANIFEST,
    }
    for file in files:
        if (folder / file).exists():
            raise StudyError(f"{folder / file}: exists already; init never overwrites")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written ({error.strerror})") from None
