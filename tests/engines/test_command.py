"""How a command of any of the three programs begins and ends."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from engines.command import Commands
from engines.errors import InputError
from engines.installation import check_opencv, explained

ROOT = Path(__file__).parents[2]


def raising(error: BaseException | None) -> typer.Typer:
    """A program of one command that raises."""
    app = typer.Typer(name="apexsome", cls=Commands, pretty_exceptions_enable=False)

    @app.command()
    def work(place: Annotated[str, typer.Argument()] = "", out: Annotated[str, typer.Option()] = "") -> None:
        print(place, out)
        if error is not None:
            raise error

    app.callback()(lambda: None)
    return app


def ended(error: BaseException | None, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(raising(error), ["work", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def no_module(name: str, text: str) -> ImportError:
    return ImportError(text, name=name)


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (InputError("x.mp4:\n no such file"), 2, "x.mp4: no such file"),
        (KeyboardInterrupt(), 130, None),
        (BrokenPipeError(), 0, None),
        (OSError(errno.ENOSPC, "No space", "/a/b"), 2, "the disk is full (/a/b)"),
        (OSError(errno.EROFS, "Read-only", "/a/b"), 2, "the file system is read-only (/a/b)"),
        (PermissionError(errno.EACCES, "no", "/a/b"), 2, "not allowed (/a/b)"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in []"), 2, "set TMPDIR"),
        (OSError("Matplotlib requires …; set the MPLCONFIGDIR environment …"), 2, "set TMPDIR"),
        (OSError(errno.EMFILE, "Too many"), 2, "ulimit -n"),
        (ImportError("libGL.so.1: cannot open shared object file: No such file"), 2, "apt install libgl1"),
        (
            ImportError("libodd.so.7: cannot open shared object file: No such file"),
            2,
            "the package that has it",
        ),
        (no_module("cv2", "numpy.core.multiarray failed to import"), 2, "OpenCV cannot be loaded"),
        (AttributeError("module 'cv2' has no attribute 'imread'"), 2, "two of its wheels"),
    ],
)
def test_what_is_not_the_programs_fault_is_one_line(
    error: BaseException, status: int, says: str | None
) -> None:
    code, _, err = ended(error)
    assert code == status
    if says is None:
        assert err == ""
    else:
        assert err.startswith("apexsome: ")
        assert says in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "I/O error"), AttributeError("x"), ImportError("x"), ZeroDivisionError()]
)
def test_what_is_the_programs_fault_is_not_hidden(error: BaseException) -> None:
    assert explained(error) == ""
    with pytest.raises(type(error)):
        ended(error)


def test_a_tilde_in_an_argument_or_an_option_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert ended(None, "~/film.mp4", "--out", "~/o")[1] == "/home/somebody/film.mp4 /home/somebody/o\n"
    assert ended(None, "a~b", "--out=~/o")[1] == "a~b /home/somebody/o\n"
    assert ended(None, "--out=a.b=~/o")[1].strip() == "a.b=~/o"


# --- the real programs, begun with streams that are none


def python(code: str, shell: str = '"$@"', **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


BEGUN = "import os, sys; from engines.command import begin; begin(); "


@pytest.mark.skipif(sys.platform == "win32", reason="streams of POSIX")
def test_stderr_is_the_programs_own_and_native_code_has_none() -> None:
    done = python(BEGUN + "os.write(2, b'W0000 feedback_manager.cc\\n'); print('ours', file=sys.stderr)")
    assert (done.returncode, done.stderr) == (0, "ours\n")


@pytest.mark.skipif(sys.platform == "win32", reason="streams of POSIX")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_streams_that_are_closed_or_full_break_nothing(closed: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    code = BEGUN + (
        "print('out'); print('err', file=sys.stderr, flush=True); "
        f"f = os.open({str(file)!r}, os.O_CREAT | os.O_WRONLY); assert f > 2; "
        "import subprocess; subprocess.run([sys.executable, '-c', 'print(1)'], check=True); os.write(f, b'done')"
    )
    assert python(code, f'"$@" {closed}').returncode == 0
    assert file.read_text() == "done"


def test_what_a_terminal_cannot_show_is_replaced() -> None:
    done = python(BEGUN + "print('\\u4e2d\\udce4 ok')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "?? ok\n")


def test_a_librarys_warning_is_one_line() -> None:
    done = python(BEGUN + "import warnings; warnings.warn('slow\\n today')")
    assert done.stderr == "note: slow today\n"


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        (
            'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")',
            "libgl1",
        ),
        ('__version__ = "4.11.0"', "two of its wheels"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        "realtime.cli doctor",
        "realtime.cli cameras",
        "realtime.cli live demo",
        "realtime.cli analyze demo --frames 1 --out x",
        "realtime.cli recognise",
        "realtime.cli bench",
        "engines.cli flow a b --out x.npz",
        "offline.cli render --layout smic --out x --subjects 1 --clips 1",
    ],
)
def test_a_broken_opencv_is_one_line_of_every_command(
    command: str, inside: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text(inside)
    module, *arguments = command.split()
    done = subprocess.run(
        [sys.executable, "-c", f"from {module} import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        check=False,
    )
    assert "Traceback" not in done.stderr
    if "doctor" in command:
        assert done.returncode == 1
        assert "broken" in done.stdout
        assert says in done.stdout
    else:
        assert done.returncode == 2, done
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_this_opencv_is_whole() -> None:
    check_opencv()
