"""Where files go, and whether they can."""

import errno
import os
from pathlib import Path

import pytest

from engines.errors import InputError
from engines.files import at_home, cache_folder, check_file, check_folder, check_name, writable


def test_a_folder_is_writable_where_it_is_or_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert writable(tmp_path)
    assert writable(tmp_path / "new" / "newer")
    assert not writable(tmp_path / "file")
    assert not writable(tmp_path / "file" / "new")


def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    check_file("--out", tmp_path / "new.onnx")
    check_file("--out", tmp_path / "file")
    check_folder("--out", tmp_path / "a" / "b")
    for path, says in (("file/x", "no folder"), ("absent/x", "no folder"), (".", "is a folder")):
        with pytest.raises(InputError, match=f"--out .*{says}"):
            check_file("--out", tmp_path / path)
    for path in ("file", "file/a/b"):
        with pytest.raises(InputError, match="is a file"):
            check_folder("--out", tmp_path / path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no file system that root cannot write to")
def test_a_place_that_nobody_can_write_is_found_too() -> None:
    for check in (check_file, check_folder):
        with pytest.raises(InputError, match=r"--out /proc/self/x: .*cannot be written"):
            check("--out", Path("/proc/self/x"))


def test_a_tilde_is_the_home_folder_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert at_home("~/a b") == "/home/somebody/a b"
    for text in ("a/~/b", "~x/y", "", "demo", "~~"):
        assert at_home(text) == text

    def homeless(path: Path) -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(InputError, match="no home folder"):
        at_home("~/a")


def test_a_name_that_is_no_text_is_one_line() -> None:
    check_name("видео 面部.mkv")
    with pytest.raises(InputError, match="not UTF-8") as caught:
        check_name(os.fsdecode(b"gesicht-\xe4.mkv"))
    str(caught.value).encode()


def test_an_account_without_a_home_gets_no_folder_called_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What platformdirs says where there is neither HOME nor an entry for the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APEXCAM_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: os.path.join("~/.cache", name))  # noqa: PTH118
    folder = cache_folder("engines")
    assert not writable(folder)
    with pytest.raises(OSError) as caught:
        folder.mkdir(parents=True)
    assert caught.value.errno in (errno.ENOTDIR, errno.ENOENT)
    assert list(tmp_path.iterdir()) == []
