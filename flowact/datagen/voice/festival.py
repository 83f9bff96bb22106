"""Voices of Festival: people of several languages, cut into diphones, with the end of every phone."""

import re
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from flowact.datagen.voice.languages import ENGLISH
from flowact.datagen.voice.phonemes import PAUSE, VISEME_PHONES, Phoneme
from flowact.datagen.voice.resampling import to_sample_rate
from flowact.datagen.voice.utterance import Signal, Utterance
from flowact.errors import UserError

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class _Speaker:
    """A voice as Festival calls it, the Debian package that it is in, and its language."""

    voice: str
    package: str
    language: str


_SPEAKERS: Final = {
    "ked": _Speaker("ked_diphone", "festvox-kdlpc16k", ENGLISH),
    "lp": _Speaker("lp_diphone", "festvox-italp16k", "italian"),
    "pc": _Speaker("pc_diphone", "festvox-itapc16k", "italian"),
    "ona": _Speaker("upc_ca_ona_hts", "festvox-ca-ona-hts", "catalan"),
    "dita": _Speaker("czech_dita", "festvox-czech-dita", "czech"),
    "krb": _Speaker("czech_krb", "festvox-czech-krb", "czech"),
    "machac": _Speaker("czech_machac", "festvox-czech-machac", "czech"),
    "ph": _Speaker("czech_ph", "festvox-czech-ph", "czech"),
    "lj": _Speaker("suo_fi_lj_diphone", "festvox-suopuhe-lj", "finnish"),
    "mv": _Speaker("hy_fi_mv_diphone", "festvox-suopuhe-mv", "finnish"),
    "nsh": _Speaker("msu_ru_nsh_clunits", "festvox-ru", "russian"),
    "nsk": _Speaker("hindi_NSK_diphone", "festvox-hi-nsk", "hindi"),
}
_ENCODINGS: Final = {"russian": "utf-8", "hindi": "utf-8"}
"""The others have voices that read one byte a letter; their words are plain letters here."""

_ROMAN: Final = (
    "a:aa e:eh i:iy o:ao u:uw y:uw E:eh O:ao ax:ax @:ax 7:uh &:ae p:p b:b t:t d:d k:k g:g f:f v:v s:s z:z "
    "S:sh Z:zh ts:s dz:z tS:ch dZ:jh T:th D:dh h:hh m:m n:n J:n N:ng nf:m l:l L:l r:r rr:r j:y w:w "
    "c:s ch:hh c~:ch d~:d dz~:jh n*:ng n~:n r~:zh r~*:sh s~:sh t~:t z~:zh"
)
_PHONES: Final = {
    "italian": _ROMAN,
    "catalan": _ROMAN,
    "finnish": _ROMAN,
    "czech": _ROMAN,
    "russian": (
        "a:ah e:eh i:ih y:ih u:uw ae:ih ay:ax ur:uh aa:aa ee:eh ii:iy yy:ih oo:ao uu:uw p:p b:b t:t d:d k:k g:g "
        "c:s ch:ch f:f v:v s:s z:z sh:sh sch:sh zh:zh h:hh m:m n:n l:l r:r j:y"
    ),
    "hindi": (
        "a:ah aa:aa ih:ih iy:iy uh:uh uw:uw eh:eh ee:eh ay:ay oh:ao oo:ao aw:aw @:ax p:p b:b bh:b t:t T:t th:t "
        "td:t tth:t d:d D:d dh:d ddh:d k:k kh:k x:k g:g gh:g ch:ch j:jh f:f v:v s:s sh:sh ksh:sh zh:zh h:hh "
        "m:m n:n N:n l:l L:l r:r R:r y:y w:w"
    ),
    ENGLISH: "el:l em:m en:n hv:hh nx:n",
}
"""Phones as voices of a language call them, and the ARPAbet phone with the nearest lips."""


def is_installed() -> bool:
    """Whether the program can be started; its voices are packages of their own."""
    return shutil.which("festival") is not None


def missing_packages() -> list[str]:
    """Debian packages that the voices still need; empty if all of them can speak."""
    if not is_installed():
        return ["festival", *(speaker.package for speaker in _SPEAKERS.values())]
    installed = _installed_voices()
    return [s.package for s in _SPEAKERS.values() if s.voice not in installed]


@dataclass(frozen=True)
class FestivalVoice:
    """One of the freely licensed voices of Debian: ked speaks English, the others their own language.

    lp is a woman and pc a man of Italy, ona a Catalan woman, dita a woman, krb a boy, machac and ph men of
    Czechia, lj a woman and mv a man of Finland, nsh a Russian and nsk a Hindi man.

    Raises ValueError for another voice and UserError when Festival or the voice is not installed.
    """

    variant: str

    def __post_init__(self) -> None:
        if self.variant not in _SPEAKERS:
            expected = tuple(_SPEAKERS)
            raise ValueError(f"unknown festival voice {self.variant!r}; expected one of {expected}")
        if not is_installed() or self._speaker.voice not in _installed_voices():
            raise UserError(
                f"The voice {self.name} is not installed; "
                f"install the Debian packages festival and {self._speaker.package}."
            )

    @property
    def _speaker(self) -> _Speaker:
        return _SPEAKERS[self.variant]

    @property
    def name(self) -> str:
        """`festival:` and the variant."""
        return f"festival:{self.variant}"

    @property
    def language(self) -> str:
        """What it speaks; see `flowact.datagen.voice.languages`."""
        return self._speaker.language

    def speak(self, text: str, tempo: float = 1.0) -> Utterance:
        """Speak `text` as 16 kHz audio with the phone times of the diphones; ona and nsh keep their tempo."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "script.scm"
            encoding = _ENCODINGS.get(self.language, "latin-1")
            script.write_bytes(self._script(text, tempo).encode(encoding, "replace"))
            _run(["-b", str(script)], folder)
            segments = Path(folder) / "speech.lab"
            if not segments.exists():
                raise UserError(f"Festival's voice {self.variant} could not speak {text!r}.")
            audio = _read_wave(Path(folder) / "speech.wav")
            return Utterance(audio, tuple(self._phonemes(segments.read_text("latin-1"))))

    def _script(self, text: str, tempo: float) -> str:
        quoted = text.replace("\\", " ").replace('"', " ")
        return (
            f"(voice_{self._speaker.voice})\n"
            f"(Parameter.set 'Duration_Stretch {1 / tempo:.4f})\n"
            f'(set! said (utt.synth (Utterance Text "{quoted}")))\n'
            '(utt.save.wave said "speech.wav" \'riff)\n'
            '(utt.save.segs said "speech.lab")\n'
        )

    def _phonemes(self, labels: str) -> list[Phoneme]:
        """Phones from lines of `end number label`, after a line `#`."""
        phonemes: list[Phoneme] = []
        start = 0.0
        for line in labels.splitlines()[1:]:
            end, _, label = line.split()
            phonemes.append(Phoneme(arpabet(label, self.language), start, float(end)))
            start = float(end)
        return [p for p in phonemes if p.end > p.start]


def arpabet(label: str, language: str) -> str:
    """The ARPAbet phone of a label without its stress and length; a pause if it is none of the language's."""
    names, plain = phones(language), re.sub("[1:]", "", label)
    single = re.sub(r"^(.+)\1$", r"\1", plain)  # Russian writes a soft consonant twice
    return names.get(plain, names.get(single, PAUSE))


@cache
def phones(language: str) -> dict[str, str]:
    """ARPAbet phones of what voices of a language call theirs."""
    arpabet = {p: p for phones in VISEME_PHONES.values() for p in phones.split()}
    diphthongs = {p: p for p in ("ay", "aw", "ey", "oy", "ow")}
    own = dict(pair.split(":") for pair in _PHONES[language].split())
    return {**arpabet, **diphthongs, **own} if language == ENGLISH else own


@cache
def _installed_voices() -> frozenset[str]:
    printed = _run(["-b", "(print (voice.list))"], None)
    return frozenset(re.findall(r"[\w]+", printed))


def _run(arguments: list[str], folder: str | None) -> str:
    done = subprocess.run(  # noqa: S603 - no shell; the text is in a file
        ["festival", *arguments],  # noqa: S607 - found on PATH, as is_installed says
        cwd=folder,
        capture_output=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise UserError(f"Festival failed: {done.stderr.decode('latin-1').strip()}")
    return done.stdout.decode("latin-1")


def _read_wave(path: Path) -> Signal:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        rate = file.getframerate()
    audio = samples.astype(np.float32) / np.float32(32768)
    return to_sample_rate(audio, rate)
