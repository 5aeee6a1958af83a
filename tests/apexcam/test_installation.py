"""Another distribution over ours, or before it: one line with the remedy, of every command and of the import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engines", "realtime", "offline")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages: this one, and the first files of the others."""
    folder = tmp_path / "site"
    shutil.copytree(ROOT / "apexcam", folder / "apexcam", ignore=shutil.ignore_patterns("__pycache__"))
    for name in PACKAGES:
        (folder / name).mkdir()
        shutil.copy(ROOT / name / "__init__.py", folder / name)
    return folder


def install(folder: Path, package: str, distribution: str, version: str) -> None:
    """What pip leaves of another distribution, its code refusing to be run."""
    (folder / package).mkdir(parents=True, exist_ok=True)
    (folder / package / "__init__.py").write_text("raise RuntimeError('of a stranger')\n")
    about = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (about / "RECORD").write_text(
        f"{package}/__init__.py,,\n{about.name}/METADATA,,\n{about.name}/RECORD,,\n"
    )


def python(*arguments: str, path: tuple[Path, ...]) -> "subprocess.CompletedProcess[str]":
    # -S: what is installed where the tests run is not to be found.
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=path[-1].parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
    )


def imported(*path: Path) -> str:
    """The last line of an import that fails; empty where it does not."""
    done = python("-c", "import apexcam", path=path)
    lines = done.stderr.splitlines()
    assert bool(lines) == bool(done.returncode)
    return lines[-1] if lines else ""


def test_our_own_packages_are_no_problem(site: Path) -> None:
    assert imported(site) == ""


@pytest.mark.parametrize(("package", "distribution"), [("realtime", "realtime"), ("engines", "some-engines")])
def test_a_package_that_was_overwritten(site: Path, package: str, distribution: str) -> None:
    install(site, package, distribution, "2.31.0")
    assert imported(site) == (
        f"ImportError: another distribution ({distribution} 2.31.0) has overwritten apexcam's package {package}: "
        f"pip uninstall {distribution}, then pip install --force-reinstall --no-deps apexcam, "
        "and give apexcam an environment of its own (pipx, uv tool)"
    )


def test_an_overwritten_package_nobody_answers_for(site: Path) -> None:
    (site / "offline" / "__init__.py").write_text("")
    assert "another distribution has overwritten apexcam's package offline: pip install --force" in imported(
        site
    )


@pytest.mark.parametrize("command", ["apexcam", "apexbench", "apexengine"])
@pytest.mark.parametrize("script", ["{}", "{}.exe", "{}-script.py"])
def test_every_command_ends_with_the_line_alone(site: Path, command: str, script: str) -> None:
    install(site, "engines", "engines", "0.0.1")
    file = site.parent / script.format(command)
    file.write_text(
        f"import sys\nfrom apexcam.commands import {command}\nif __name__ == '__main__':\n    sys.exit({command}())\n"
    )
    done = python(str(file), "--help", path=(site,))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"{command}: another distribution (engines 0.0.1) has overwritten apexcam's package engines: "
    )


def test_a_package_that_stands_before_ours(site: Path, tmp_path: Path) -> None:
    install(tmp_path / "before", "realtime", "realtime", "2.31.0")
    line = imported(tmp_path / "before", site)
    assert f"another realtime, {tmp_path / 'before' / 'realtime'}, is found before apexcam's" in line
    assert "pip uninstall realtime" in line


def test_a_file_of_that_name_beside_a_notebook(site: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "offline.py").write_text("raise RuntimeError('of the user')\n")
    line = imported(tmp_path / "work", site)
    assert (
        f"another offline, {tmp_path / 'work' / 'offline.py'}, is found before apexcam's: rename it" in line
    )


def test_what_a_removal_leaves_behind(site: Path) -> None:
    (site / "realtime" / "__init__.py").unlink()
    assert "apexcam's package realtime is not whole" in imported(site)
    (site / "realtime").rmdir()
    assert "pip install --force-reinstall --no-deps apexcam" in imported(site)


def test_a_module_put_there_by_hand(site: Path) -> None:
    code = "import sys, types; sys.modules['engines'] = types.ModuleType('engines'); import apexcam"
    done = python("-c", code, path=(site,))
    assert "apexcam's package engines is not whole" in done.stderr
