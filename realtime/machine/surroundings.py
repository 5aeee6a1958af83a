"""Checks of ``apexcam doctor``: processor, OpenCV, cameras, shared memory, folders, ports."""

import os
import platform
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

from engines.errors import InputError
from realtime.machine.finding import Finding

if TYPE_CHECKING:
    from realtime.config import Config


def machine(config: "Config") -> Iterator[Finding]:
    """Reports system, processor cores and Python."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    yield Finding(
        "machine",
        f"{platform.system()} {platform.release()} {platform.machine()}, {cores} cores, "
        f"Python {platform.python_version()}",
        "ok" if cores >= 2 else "slow",
        advice="" if cores >= 2 else "capture and watch need a core each: request fewer frames a second",
    )


def opencv(config: "Config") -> Iterator[Finding]:
    """Reports the version of OpenCV, and whether several wheels overwrite one another."""
    import cv2

    wheels = sorted(set(packages_distributions().get("cv2", ())))
    several = len(wheels) > 1
    yield Finding(
        "OpenCV",
        f"{cv2.__version__}, {' and '.join(wheels) or 'not from a wheel'}",
        "slow" if several else "ok",
        advice=f"these overwrite one another: pip uninstall {' '.join(wheels)}, then pip install apexcam again"
        if several
        else "",
    )


def cameras(config: "Config") -> Iterator[Finding]:
    """Reports the cameras that are plugged in."""
    from realtime.sources.cameras import list_cameras

    found = list_cameras()
    if not found:
        yield Finding(
            "cameras", "none", "missing", advice="plug one in, or use a video, an image folder or demo"
        )
    for device in found:
        best = max((mode.fps for mode in device.modes), default=0.0)
        modes = f", up to {best:g} fps" if best else ""
        busy = f", in use by {', '.join(device.holders)}" if device.holders else ""
        yield Finding(
            "camera", f"{device.index}: {device.name}{modes}{busy}", advice="apexcam cameras measures it"
        )


def shared_memory(config: "Config") -> Iterator[Finding]:
    """Reports how many seconds of frames shared memory can hold. Raises InputError if it cannot be written."""
    from realtime import ring
    from realtime.ring import segment

    segment.check()
    source = config.source
    slots = ring.free_slots(source.height, source.width)
    if slots is None:
        yield Finding("shared memory", "no limit of its own")
        return
    seconds = slots / source.fps
    enough = seconds * 0.9 >= config.ring.seconds
    yield Finding(
        "shared memory",
        f"room for {seconds:.1f} s of {source.width}x{source.height} at {source.fps:g} fps",
        "ok" if enough else "slow",
        advice=""
        if enough
        else f"{config.ring.seconds:g} s are needed; enlarge /dev/shm (container: --shm-size=512m)",
    )


def temporary(config: "Config") -> Iterator[Finding]:
    """Reports where the private folder of a run is created. Raises InputError if nowhere."""
    from realtime.processes.private_folder import temporary_folder

    yield Finding("temporary folder", str(temporary_folder()))


def ports(config: "Config") -> Iterator[Finding]:
    """Reports whether the ports of bus and dashboard are free."""
    from realtime.bus.publisher import Bus

    try:
        Bus(config.bus).close(linger_ms=0)
        yield Finding("bus", f"{config.bus.endpoint} is free")
    except InputError as error:
        yield Finding("bus", config.bus.endpoint, "missing", advice=str(error))
    host, port = config.dashboard.host, config.dashboard.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            yield Finding("dashboard port", f"{host}:{port} is free")
        except OSError as error:
            yield Finding(
                "dashboard port",
                f"{host}:{port}: {error.strerror}",
                "missing",
                advice="give --set dashboard.port=0 for any free one",
            )
