"""Every command of the three programs in every surrounding: an answer in words, never a traceback.

The cheap commands always; the rest with APEXCAM_LONG=1.
"""

import contextlib
import csv
import fcntl
import importlib
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.synthesis import demo

ROOT = Path(__file__).parents[2]
LONG = bool(os.environ.get("APEXCAM_LONG"))
MODULES = {"apexcam": "realtime.cli", "apexbench": "offline.cli", "apexengine": "engines.cli"}
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces and terminals of Linux")


@dataclass(frozen=True)
class Command:
    """``text`` with {places}; ``writes``: into one of them, or into shared memory and a temporary folder."""

    text: str
    cheap: bool = False
    writes: bool = False
    shared_memory: bool = False
    status: tuple[int, ...] = (0,)

    @property
    def program(self) -> str:
        return self.text.split()[0]

    @property
    def name(self) -> str:
        """Of the subcommand, with that of its group."""
        words = self.text.split()
        return " ".join(words[1:3] if words[1] == "bench" and self.program == "apexengine" else words[1:2])


BUS = "--set bus.endpoint=tcp://127.0.0.1:*"
COMMANDS = [
    Command(f"apexcam live {{film}} --no-dashboard {BUS}", writes=True, shared_memory=True),
    Command("apexcam analyze {film} --out {out}/a", writes=True),
    Command("apexcam subscribe --schema"),
    Command("apexcam mark smile --endpoint tcp://127.0.0.1:x", cheap=True, status=(2,)),
    Command("apexcam recognise --endpoint tcp://127.0.0.1:x", status=(2,)),
    Command("apexcam keys --dir {out}/keys desk", cheap=True, writes=True),
    Command("apexcam cameras --measure 0"),
    Command("apexcam doctor", status=(0, 1)),
    Command("apexcam bench --seconds 1", writes=True, shared_memory=True),
    Command("apexbench list", cheap=True),
    Command(
        "apexbench run --protocol cde --model majority --flowmaps {maps} --out {out}/r --jobs 1", writes=True
    ),
    Command(
        "apexbench train --model ststnet --epochs 1 --no-validate --flowmaps {maps} --out {out}/m.onnx --jobs 1",
        writes=True,
    ),
    Command(
        "apexbench pretrain --model atnet-spatial --epochs 1 --pictures {faces} --out {out}/p.safetensors --jobs 1 "
        "--cache {out}/c",
        writes=True,
    ),
    Command("apexbench spot --rendered --seeds 101 --seconds 2 --fps 30 --out {out}/s --jobs 1", writes=True),
    Command("apexbench spot-train --real {nothing} --out {out}/n.onnx --cache {out}/c", status=(2,)),
    Command("apexbench render --layout smic --subjects 1 --clips 1 --out {out}/smic --jobs 1", writes=True),
    Command("apexbench table --paper 000"),
    Command("apexbench verify"),
    Command("apexbench cache"),
    Command("apexbench speed --flowmaps {maps} --epochs 1 --folds 1"),
    Command("apexengine list"),
    Command("apexengine flow {face} {face} --out {out}/f.npz", cheap=True, writes=True),
    Command("apexengine build {model} --target sm_89 --out {out}/e.engine", status=(0, 2), writes=True),
    Command("apexengine prove --quick --json", status=(0, 1)),
    Command("apexengine bench classify --quick --json"),
    Command("apexengine bench flow --quick --json"),
]
# What a surrounding puts before the program, in a mount namespace of its own.
_READ_ONLY = (
    'for mount in $(awk "{print \\$5}" /proc/self/mountinfo); do mount -o remount,bind,ro "$mount" 2>/dev/null; done; '
    'cd "$0" && exec "$@"'
)
_NO_SHARED_MEMORY = 'mount -t tmpfs -o ro tmpfs /dev/shm && cd "$0" && exec "$@"'


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


Run = Callable[[list[str], Path, dict[str, str]], Ended]


def ends(arguments: list[str], folder: Path, environment: dict[str, str], **how: Any) -> Ended:
    """Without a terminal. ``how`` is of `subprocess.run`."""
    streams: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }
    done = subprocess.run(
        arguments,
        **{**streams, "cwd": folder, "env": environment, "start_new_session": True, "timeout": 600, **how},
        check=False,
    )
    out, err = ((part or b"").decode(errors="replace") for part in (done.stdout, done.stderr))
    return Ended(done.returncode, out, err)


def with_environment(**changed: str | None) -> Run:
    def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> Ended:
        made = {name: value for name, value in {**environment, **changed}.items() if value is not None}
        return ends(arguments, folder, made)

    return run


def in_namespace(script: str) -> Run:
    def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> Ended:
        probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
        if probe.returncode:
            pytest.skip("no mount namespace can be made here (not root?)")
        return ends(["unshare", "--mount", "sh", "-c", script, str(folder), *arguments], folder, environment)

    return run


def in_shell(script: str) -> Run:
    """``script`` runs the program as ``"$@"``."""
    return lambda arguments, folder, environment: ends(
        ["sh", "-c", script, "sh", *arguments], folder, environment
    )


def on_a_terminal_of_60_columns(arguments: list[str], folder: Path, environment: dict[str, str]) -> Ended:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    try:
        # Linux ends a terminal nobody holds any more with EIO.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65536):
                said += part
        return Ended(process.wait(60), said.decode(errors="replace"), said.decode(errors="replace"))
    finally:
        os.close(ours)
        process.kill()


def into_a_closed_pipe(arguments: list[str], folder: Path, environment: dict[str, str]) -> Ended:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return ends(arguments, folder, environment, stdout=writing)
    finally:
        os.close(writing)


def from_a_folder_that_is_gone(arguments: list[str], folder: Path, environment: dict[str, str]) -> Ended:
    script = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"'
    return ends(["sh", "-c", script, str(folder / "gone"), *arguments], folder, environment)


SURROUNDINGS: dict[str, Run] = {
    "no terminal": ends,
    # Not even root can make this one.
    "no home": with_environment(HOME="/proc/nobody", XDG_CACHE_HOME=None, NUMBA_CACHE_DIR=None),
    "read-only": in_namespace(_READ_ONLY),
    "no /dev/shm": in_namespace(_NO_SHARED_MEMORY),
    "C locale": with_environment(LC_ALL="C", LANG="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0"),
    "ASCII": with_environment(PYTHONIOENCODING="ascii"),
    "60 columns": on_a_terminal_of_60_columns,
    "closed pipe": into_a_closed_pipe,
    "full device": in_shell('"$@" >/dev/full'),
    "stdout closed": in_shell('"$@" >&-'),
    "stdout and stderr closed": in_shell('"$@" >&- 2>&-'),
    "stderr full": in_shell('"$@" 2>/dev/full'),
    "another folder": lambda arguments, folder, environment: ends(arguments, Path("/"), environment),
    "a folder that is gone": from_a_folder_that_is_gone,
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the commands are given: a film, pictures, flow maps, a network."""
    folder = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    film = cv2.VideoWriter(str(folder / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30, (320, 240))
    for _ in range(10):
        film.write(rng.integers(90, 110, (240, 320, 3), dtype=np.uint8))
    film.release()
    cv2.imwrite(str(folder / "face.png"), rng.integers(0, 255, (48, 40), dtype=np.uint8))
    for number, emotion in enumerate(
        ("happiness", "disgust", "surprise", "happiness", "disgust", "surprise")
    ):
        (folder / "faces" / emotion).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "faces" / emotion / f"{number}.png"), demo(30).frame(9 * number))
    from offline.datasets.flowmaps import FOLDER, TABLE

    (folder / "maps" / FOLDER).mkdir(parents=True)
    with (folder / "maps" / TABLE).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["dataset", "sub", "filename_o", "label", "apex", "imagename", "sub_filename"])
        for person in ("sub01", "sub02", "sub03"):
            for label in (0, 1, 2):
                rows.writerow(["casme2", person, f"{person}_c{label}", label, "", "", ""])
                drawn = rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)
                cv2.imwrite(str(folder / "maps" / FOLDER / f"{person}_{person}_c{label} .png"), drawn)
    (folder / "nothing").mkdir()
    model = ROOT / "engines" / "weights" / "ststnet.onnx"
    return {
        "film": folder / "film.avi",
        "face": folder / "face.png",
        "faces": folder / "faces",
        "maps": folder / "maps",
        "nothing": folder / "nothing",
        "model": model,
    }


def test_the_table_has_every_command() -> None:
    import typer

    for program, module in MODULES.items():
        group: Any = typer.main.get_command(importlib.import_module(module).app)
        there = {
            f"{name} {inner}" if inner else name
            for name, command in group.commands.items()
            for inner in getattr(command, "commands", {"": None})
        }
        assert {command.name for command in COMMANDS if command.program == program} == there


@pytest.mark.parametrize(
    "text",
    [
        "apexcam live {odd} --no-dashboard",
        "apexcam analyze {odd} --out {out}",
        "apexcam analyze {odd}/film.avi --out {out}",
        "apexengine flow {odd}/face.png {odd}/face.png --out {odd}/f.npz",
        "apexbench spot --real {odd} --out {out}/s",
        "apexbench render --layout smic --subjects 1 --clips 1 --out {odd}/smic",
    ],
)
def test_a_path_that_is_no_text_crashes_nothing(text: str, places: dict[str, Path], tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"d-\xe4")
    odd.mkdir()
    for name in ("film", "face"):
        (odd / places[name].name).write_bytes(places[name].read_bytes())
    program, *arguments = text.format(odd=odd, out=tmp_path / "out").split()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = ends([sys.executable, "-c", _entry(program), *arguments], tmp_path, environment)
    if program == "apexengine":
        assert ended.status == 0, ended.err
        assert (odd / "f.npz").exists()
    else:
        assert ended.status == 2, ended
        assert "not UTF-8" in ended.err
        assert len(ended.err.splitlines()) == 1


def _entry(program: str) -> str:
    return f"import sys; sys.argv[0] = {program!r}; from {MODULES[program]} import main; main()"


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.program} {command.name}")
def test_a_command_answers_in_words(
    command: Command, surrounding: str, places: dict[str, Path], tmp_path: Path
) -> None:
    if not (command.cheap or LONG):
        pytest.skip("APEXCAM_LONG=1 tries the commands that load a network")
    text = command.text.format(**places, out=tmp_path)
    arguments = [sys.executable, "-c", _entry(command.program), *text.split()[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "", "TERM": "xterm"}
    for name in ("COLUMNS", "PYTHONIOENCODING", "PYTHONUTF8"):
        environment.pop(name, None)
    ended = SURROUNDINGS[surrounding](arguments, tmp_path, environment)
    told = f"{ended.status}\n{ended.out[-2000:]}\n{ended.err[-3000:]}"
    assert "Traceback" not in ended.out + ended.err, told
    assert "Exception ignored" not in ended.err, told
    allowed = set(command.status)
    impossible = {
        "read-only": command.writes,
        "no /dev/shm": command.shared_memory,
        "a folder that is gone": True,
    }
    if impossible.get(surrounding):
        allowed = {2}
    elif surrounding in ("full device", "read-only"):
        allowed |= {2}  # some want a temporary folder
    assert ended.status in allowed, told
    said = [line for line in ended.err.splitlines() if line.startswith(f"{command.program}: ")]
    if ended.status == 2 and surrounding not in ("stdout and stderr closed", "stderr full"):
        assert said[-1:] == ended.err.strip().splitlines()[-1:] != [], (
            told
        )  # after notes, such as of compiling
    if surrounding == "closed pipe" and ended.status == 0:
        assert not said, told
    assert not (tmp_path / "~").exists()
    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "gone").rmdir()
