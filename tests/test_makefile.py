"""``make demo`` where the Python is not one that fits: stand-ins for Python, nothing is downloaded."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")

# A Python that answers with its version, and makes an environment whose programs note that they ran.
_PYTHON = """#!/bin/sh
case "$1 $2" in
  "-V "*) echo "Python {version}";;
  "-c import sys"*) exit {misfit};;
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; printf '#!/bin/sh\\necho demo "$@"\\n' >"$3/bin/apexcam"
             chmod +x "$3/bin/apexcam";;
  "-m pip") echo "$@" >>"{log}"; test ! -e "{log}.offline";;
  "-m engines.proof") echo "proof by $0";;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    for version, misfit in (("3.13.0", 1), ("3.12.1", 0)):
        path = tmp_path / f"python{version[:4]}"
        path.write_text(_PYTHON.format(version=version, misfit=misfit, log=tmp_path / "pip.log"))
        path.chmod(0o755)
    return tmp_path


def demo(checkout: Path, python: str, target: str = "demo") -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", target, f"PYTHON={python}", "DURATION=2"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_python_that_does_not_fit_is_one_line_before_anything_is_downloaded(checkout: Path) -> None:
    done = demo(checkout, "./python3.13")
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    (line,) = said
    assert "needs Python 3.11 or 3.12" in line
    assert "Python 3.13.0" in line
    assert "make demo PYTHON=python3.12" in line
    assert not (checkout / ".venv").exists()
    assert not (checkout / "pip.log").exists()


def test_an_environment_of_the_wrong_python_is_not_kept(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout / "python3.13", checkout / ".venv" / "bin" / "python")
    done = demo(checkout, "./python3.12")
    assert done.returncode == 0, done.stderr
    assert "demo live demo --duration 2" in done.stdout
    assert "3.12.1" in (checkout / ".venv" / "bin" / "python").read_text()
    assert (checkout / "pip.log").read_text().count("install") == 1
    again = demo(checkout, "./python3.13")  # what is set up needs no other Python
    assert again.returncode == 0
    assert (checkout / "pip.log").read_text().count("install") == 1


def test_a_python_that_is_not_there_is_one_line(checkout: Path) -> None:
    done = demo(checkout, "python9.9")
    assert done.returncode == 2
    assert "needs Python 3.11 or 3.12" in done.stderr
    assert not (checkout / ".venv").exists()


def test_the_gpu_is_proved_with_what_pip_brings(checkout: Path) -> None:
    done = demo(checkout, "./python3.12", "gpu")
    assert done.returncode == 0, done.stderr
    assert "proof by .venv/bin/python" in done.stdout
    assert ".[gpu,train]" in (checkout / "pip.log").read_text()


def test_the_gpu_is_proved_in_place_where_nothing_can_be_installed(checkout: Path) -> None:
    (checkout / "pip.log.offline").touch()
    done = demo(checkout, "./python3.12", "gpu")
    assert done.returncode == 0, done.stderr
    assert "proof by ./python3.12" in done.stdout
    assert "proving with what ./python3.12 has" in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_environment_that_was_there_is_left_by_a_proof_in_place(checkout: Path) -> None:
    (checkout / "pip.log.offline").touch()
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout / "python3.12", checkout / ".venv" / "bin" / "python")
    assert "proof by ./python3.12" in demo(checkout, "./python3.12", "gpu").stdout
    assert (checkout / ".venv" / "bin" / "python").exists()
    (checkout / ".venv" / ".ready").touch()
    assert "proof by .venv/bin/python" in demo(checkout, "./python3.12", "gpu").stdout
