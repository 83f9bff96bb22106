"""One phone alphabet for every voice: lower-case ARPAbet, as flite and CMUdict write it.

Pauses are `pau`. IPA, as espeak-ng writes it, is mapped to the ARPAbet phone with the nearest lips.
"""

from typing import NamedTuple

PAUSE = "pau"


class Phoneme(NamedTuple):
    """One phone of speech: ARPAbet `label`, `start` and `end` in seconds."""

    label: str
    start: float
    end: float


VISEME_PHONES: dict[str, str] = {
    "sil": "pau sil h#",
    "PP": "p b m",
    "FF": "f v",
    "TH": "th dh",
    "DD": "t d dx",
    "kk": "k g ng hh q",
    "CH": "ch jh sh zh",
    "SS": "s z",
    "nn": "n l",
    "RR": "r er axr",
    "aa": "aa ae ah",
    "E": "eh ax",
    "ih": "ih iy y",
    "oh": "ao",
    "ou": "uw uh w",
}
"""The 15 visemes (those of the Oculus/MPEG-4 tables) and the phones that look like each."""

VISEMES: tuple[str, ...] = tuple(VISEME_PHONES)

_VISEME_OF = {phone: v for v, phones in VISEME_PHONES.items() for phone in phones.split()}

_DIPHTHONGS: dict[str, tuple[str, str, float]] = {
    "ay": ("aa", "iy", 0.6),
    "aw": ("aa", "uw", 0.55),
    "ey": ("eh", "iy", 0.5),
    "oy": ("ao", "iy", 0.55),
    "ow": ("ao", "uw", 0.5),
}
"""Diphthong -> its two vowels and the share of its time that the first one takes."""

_VISEME_OF.update({d: _VISEME_OF[first] for d, (first, _, _) in _DIPHTHONGS.items()})

_IPA = (
    "tʃ:ch dʒ:jh ts:s dz:z aɪ:ay aʊ:aw eɪ:ey ɔɪ:oy oʊ:ow əʊ:ow əl:l ɔ:ao ɒ:ao o:ao œ:uh ø:uh "
    "a:aa ɑ:aa ɐ:ah ʌ:ah æ:ae e:eh ɛ:eh ɜ:er ɚ:er ɝ:er ə:ax i:iy ɪ:ih ɨ:ih ᵻ:ih y:uw ʏ:uw u:uw "
    "ʊ:uh ɯ:ih p:p b:b m:m ɓ:b f:f v:v ʋ:v β:b ɱ:m θ:th ð:dh t:t d:d ʈ:t ɖ:d ɾ:dx n:n ɳ:n ɲ:n "
    "l:l ɫ:l ʎ:l ɬ:l ɭ:l k:k ɡ:g g:g ŋ:ng x:k ɣ:g q:k ʔ:q c:k ɟ:g h:hh ɦ:hh ç:hh ħ:hh χ:hh s:s "
    "z:z ɕ:sh ʑ:zh ʃ:sh ʒ:zh ʂ:sh ʐ:zh r:r ɹ:r ɻ:r ʀ:hh ʁ:hh j:y w:w ʍ:w ɥ:w"
)
_ARPABET_OF_IPA = dict(pair.split(":") for pair in _IPA.split())


def viseme_of(label: str) -> str:
    """Viseme of an ARPAbet phone, of a diphthong that of its first vowel.

    Raises ValueError for an unknown phone.
    """
    if label not in _VISEME_OF:
        raise ValueError(f"unknown phone {label!r}; expected one of {sorted(_VISEME_OF)}")
    return _VISEME_OF[label]


def split_diphthongs(phonemes: list[Phoneme]) -> list[Phoneme]:
    """The same speech with every diphthong written as its two vowels in succession."""
    split: list[Phoneme] = []
    for phoneme in phonemes:
        if phoneme.label not in _DIPHTHONGS:
            split.append(phoneme)
            continue
        first, second, share = _DIPHTHONGS[phoneme.label]
        middle = phoneme.start + share * (phoneme.end - phoneme.start)
        split.append(Phoneme(first, phoneme.start, middle))
        split.append(Phoneme(second, middle, phoneme.end))
    return split


def arpabet_from_ipa(ipa: str) -> tuple[str, ...]:
    """ARPAbet phones of one IPA phone such as `ˈɑː`; marks without a lip shape are dropped.

    An empty string is a pause, and so is a string that holds no known sound.
    """
    phones: list[str] = []
    position = 0
    while position < len(ipa):
        pair, single = ipa[position : position + 2], ipa[position]
        if pair in _ARPABET_OF_IPA:
            phones.append(_ARPABET_OF_IPA[pair])
            position += 2
            continue
        if single in _ARPABET_OF_IPA:
            phones.append(_ARPABET_OF_IPA[single])
        position += 1
    return tuple(phones) or (PAUSE,)
