"""A live run as an iterator: ``for event in apexcam.live(0)``."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from apexcam.configuration import configured
from engines.errors import InputError
from realtime.client import Subscriber
from realtime.messages import Event

_LAST_WORDS_S: Final = 1.0
_POLL_S: Final = 0.1


def live(
    source: int | str | os.PathLike[str] = 0,
    *,
    early: bool = False,
    duration_s: float | None = None,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """The events of ``apexcam live SOURCE``, which runs beside this program until the source or the iteration ends.

    ``source``: a camera's index or name, a URL, a video, an image folder or ``"demo"``. ``early``: also provisional and
    withdrawn events, see `Event.stage`. ``config`` and ``settings`` as for `analyze`. Leaving the loop ends the run.

    Raises InputError with the line of the command.

    >>> for event in live("demo", duration_s=20, settings={"source.fps": 60}):  # doctest: +SKIP
    ...     print(event.kind, event.label)
    """
    _, given = configured(config, settings)
    spec = str(source) if isinstance(source, int) else os.fspath(source)
    command = [sys.executable, "-m", "realtime.cli", "live", spec]
    command += ["--no-dashboard", "--set", "bus.endpoint=tcp://127.0.0.1:*"]
    command += [] if config is None else ["--config", os.fspath(config)]
    command += [] if duration_s is None else ["--duration", f"{duration_s:g}"]
    command += [part for setting in given for part in ("--set", setting)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        yield from _events(process, ["event", *["early"] * early])
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def _events(process: "subprocess.Popen[str]", topics: list[str]) -> Iterator[Event]:
    endpoint = _endpoint(process)
    with Subscriber(endpoint, topics) as subscriber:
        # What the run says would fill its pipe and stop it.
        threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
        while True:
            ended = process.poll() is not None
            message = subscriber.receive(_LAST_WORDS_S if ended else _POLL_S)
            if isinstance(message, Event):
                yield message
            elif ended:
                break
    if process.returncode:
        raise InputError(_last_line(process))


def _endpoint(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("bus "):
            return line[4:].strip()
    raise InputError(_last_line(process))


def _drain(stream: Any) -> None:
    for _ in stream:
        pass


def _last_line(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    process.wait()
    lines = [line for line in process.stderr.read().splitlines() if line.strip()]
    return lines[-1].removeprefix("apexcam: ") if lines else f"the run ended with status {process.returncode}"
