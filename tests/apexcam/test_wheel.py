"""What is shipped, in an environment that has nothing else of ours: the commands and the import work."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What this environment has beside apexcam, which is editable here: a folder of PYTHONPATH has no .pth read.
LIBRARIES = sysconfig.get_paths()["purelib"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build")
    if (Path(LIBRARIES) / "realtime" / "__init__.py").exists():
        pytest.skip("apexcam is installed here, not editable: it would stand before the wheel")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if "hatchling" in built.stdout + built.stderr and built.returncode:
        pytest.skip("no package index at hand: hatchling cannot be had")
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment's programs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(programs / "python"),
        "install",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*command, "--quiet", str(wheel)], check=True, capture_output=True, timeout=120)
    return programs


def run(program: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(program), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=program.parent,
        env={**os.environ, "PYTHONPATH": LIBRARIES, **more},
    )


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"apexcam", "engines", "realtime", "offline"}
    assert {"apexcam/py.typed", "realtime/configs/live.yaml", "engines/weights/ststnet.onnx"} <= set(names)


@pytest.mark.parametrize("command", ["apexcam", "apexbench", "apexengine"])
def test_every_command_begins(environment: Path, command: str) -> None:
    done = run(environment / command, "--help")
    assert done.returncode == 0, done.stderr
    assert command in done.stdout
    assert run(environment / command, "--version").stdout.startswith("apexcam ")


def test_the_import_works_and_is_the_installed_one(environment: Path) -> None:
    code = (
        "import apexcam; print(apexcam.__file__, apexcam.__version__); "
        "from apexcam.configuration import configured; configured('live-gpu.yaml', {'ring.seconds': 1}); "
        "import numpy; print(apexcam.open_classifier()(numpy.zeros((1, 3, 28, 28), 'float32')).shape)"
    )
    done = run(environment / "python", "-W", "ignore", "-c", code)
    assert done.returncode == 0, done.stderr
    place, shape = done.stdout.splitlines()
    assert str(environment.parent) in place
    assert shape == "(1, 3)"


@pytest.mark.skipif(not os.environ.get("APEXCAM_LONG"), reason="compiles for half a minute: APEXCAM_LONG=1")
def test_the_demo_runs(environment: Path) -> None:
    settings = ["--set", "bus.endpoint=tcp://127.0.0.1:*", "--set", "source.fps=30"]
    done = run(environment / "apexcam", "live", "demo", "--duration", "2", "--no-dashboard", *settings)
    assert done.returncode == 0, done.stderr
    assert "0 restarts" in done.stdout


def test_an_installed_stranger_is_one_line(environment: Path) -> None:
    (packages,) = environment.parent.glob("**/site-packages")
    ours = packages / "realtime" / "__init__.py"
    kept = ours.read_text()
    ours.write_text("")
    try:
        done = run(environment / "apexcam", "live", "demo")
    finally:
        ours.write_text(kept)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("apexcam: another distribution has overwritten apexcam's package realtime: ")
