"""Where files go, and whether they can."""

import errno
import os
from pathlib import Path

import pytest

from engines.files import cache_folder, writable


def test_a_folder_is_writable_where_it_is_or_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert writable(tmp_path)
    assert writable(tmp_path / "new" / "newer")
    assert not writable(tmp_path / "file")
    assert not writable(tmp_path / "file" / "new")


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
