import stat
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engines.errors import InputError
from realtime.bus import keys
from realtime.cli import app


def invoke(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["keys", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_makes_what_live_and_subscribe_take(tmp_path: Path) -> None:
    code, out, _ = invoke("--dir", str(tmp_path / "k"), "desk", "door")
    assert code == 0
    folder = keys.Folder(tmp_path / "k")
    assert folder.allowed() == ["desk", "door"]
    assert f"bus.keys={folder.secret}" in out.replace("\n", "")
    keys.load_secret(folder.secret, "bus.keys")
    keys.load_secret(folder.client("desk"), "keys")
    assert keys.load_public(folder.public, "server") == keys.load_secret(folder.secret, "bus.keys")[0]
    assert not list(folder.path.rglob(".*")), "a temporary folder was left"


@pytest.mark.skipif(sys.platform == "win32", reason="file modes of POSIX")
def test_secrets_are_their_owners_alone_and_a_loose_one_is_refused(tmp_path: Path) -> None:
    folder = keys.make(tmp_path / "k", ["desk"])
    for secret in (folder.secret, folder.client("desk")):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.secret.chmod(0o640)
    with pytest.raises(InputError, match="others may read this secret; chmod 600"):
        keys.load_secret(folder.secret, "bus.keys")


def test_a_second_call_adds_and_replaces_nothing(tmp_path: Path) -> None:
    folder = keys.make(tmp_path, ["desk"])
    before = folder.secret.read_bytes(), folder.client("desk").read_bytes()
    keys.make(tmp_path, ["door"])
    with pytest.raises(InputError, match="client desk has a key"):
        keys.make(tmp_path, ["new", "desk"])
    assert folder.allowed() == ["desk", "door"]
    assert before == (folder.secret.read_bytes(), folder.client("desk").read_bytes())


def test_a_client_is_taken_off_the_list(tmp_path: Path) -> None:
    folder = keys.make(tmp_path, ["desk", "door"])
    code, out, _ = invoke("--dir", str(tmp_path), "--remove", "desk")
    assert code == 0
    assert "allowed: door" in out
    assert not folder.client("desk").exists()
    code, _, err = invoke("--dir", str(tmp_path), "--remove", "desk")
    assert code == 2
    assert "no client desk; allowed: door" in err


@pytest.mark.parametrize("name", ["server", "../desk", "", "a b", "-x", "é"])
def test_bad_names_are_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="client name"):
        keys.make(tmp_path, [name])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    code, _, err = invoke("--dir", str(tmp_path / "file"), "desk")
    assert code == 2
    assert "keys cannot be written there" in err


def test_a_lost_half_is_said(tmp_path: Path) -> None:
    keys.make(tmp_path, []).public.unlink()
    with pytest.raises(InputError, match="one half of the server's key is missing"):
        keys.make(tmp_path, ["desk"])
