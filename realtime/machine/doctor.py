"""``apexcam doctor``: what this machine can run, timed, with advice where something is missing or slow."""

import importlib.util
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from engines.errors import InputError
from engines.fallback import first_line
from engines.installation import check_opencv, explained

if TYPE_CHECKING:
    from realtime.config import Config

_FRAMES: Final = 160
_PAIRS: Final = 9
Verdict = Literal["ok", "slow", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``ms_p50`` and ``ms_p99`` where it was timed; ``advice`` where something can be done."""

    what: str
    found: str
    verdict: Verdict = "ok"
    ms_p50: float | None = None
    ms_p99: float | None = None
    advice: str = ""


def installation() -> list[Finding]:
    """What is broken so that nothing else can be looked at; empty where all is well."""
    try:
        check_opencv()
    except InputError as error:
        return [Finding("OpenCV", "cannot be used", "broken", advice=str(error))]
    return []


def examine(config: "Config", *, heard: Callable[[str], None] = lambda text: None) -> list[Finding]:
    """Everything, in the order of the path of a frame. ``heard`` is told what is being looked at."""
    findings: list[Finding] = []
    looks: list[tuple[str, Callable[[Config], Iterator[Finding]]]] = [
        ("machine", _machine),
        ("OpenCV", _opencv),
        ("cameras", _cameras),
        ("shared memory", _shared_memory),
        ("temporary folder", _temporary),
        ("landmarks", _landmarks),
        ("watch", _watch),
        ("flow", _flow),
        ("classify", _classify),
        ("recognise", _recognise),
        ("compiled code", _compiled),
        ("ports", _ports),
        ("dashboard", _dashboard),
    ]
    for name, look in looks:
        heard(name)
        try:
            findings.extend(look(config))
        except InputError as error:
            findings.append(Finding(name, "unusable", "broken", advice=str(error)))
        except Exception as error:
            said = (str(error).strip().splitlines() or [""])[0][:160]
            findings.append(
                Finding(name, f"fails: {type(error).__name__}: {said}", "broken", advice=explained(error))
            )
    return findings


def _machine(config: "Config") -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    yield Finding(
        "machine",
        f"{platform.system()} {platform.release()} {platform.machine()}, {cores} cores, "
        f"Python {platform.python_version()}",
        "ok" if cores >= 2 else "slow",
        advice="" if cores >= 2 else "capture and watch want a core each: ask for fewer frames a second",
    )


def _opencv(config: "Config") -> Iterator[Finding]:
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


def _cameras(config: "Config") -> Iterator[Finding]:
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


def _shared_memory(config: "Config") -> Iterator[Finding]:
    from realtime import ring
    from realtime.ring import segment

    segment.check()
    wish = config.source
    slots = ring.free_slots(wish.height, wish.width)
    if slots is None:
        yield Finding("shared memory", "no limit of its own")
        return
    seconds = slots / wish.fps
    enough = seconds * 0.9 >= config.ring.seconds
    yield Finding(
        "shared memory",
        f"room for {seconds:.1f} s of {wish.width}x{wish.height} at {wish.fps:g} fps",
        "ok" if enough else "slow",
        advice=""
        if enough
        else f"{config.ring.seconds:g} s are wanted; enlarge /dev/shm (container: --shm-size=512m)",
    )


def _temporary(config: "Config") -> Iterator[Finding]:
    from realtime.processes.private_folder import temporary_folder

    yield Finding("temporary folder", str(temporary_folder()))


def _face(config: "Config", count: int) -> tuple[list[Any], float]:
    """Frames of the demo at the size and rate wanted, from the first on."""
    from engines.synthesis import demo

    wish = config.source
    renderer = demo(wish.fps, wish.width, wish.height)
    return [renderer.frame(i) for i in range(count)], wish.fps


def _landmarks(config: "Config") -> Iterator[Finding]:
    import cv2

    from engines.face.mesh import Mesh

    frames, _ = _face(config, 12)
    mesh = Mesh()
    try:
        rgb = [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in frames]
        seen = [mesh.landmarks(image) is not None for image in rgb]
        times = _timed(lambda i: mesh.landmarks(rgb[i % len(rgb)]), 30)
    finally:
        mesh.close()
    found = "MediaPipe FaceMesh" if any(seen) else "MediaPipe FaceMesh, no face found in a rendered picture"
    yield Finding("landmarks", found, "ok" if any(seen) else "broken", *_p50_p99(times))


def _watch(config: "Config") -> Iterator[Finding]:
    import cv2

    from realtime.ring import Frame
    from realtime.stages.watcher import Watcher

    frames, fps = _face(config, _FRAMES)
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    watcher = Watcher(config.faces, config.spotting, "doctor")
    try:
        made = [
            Frame(i, round(i / fps * 1e9), time.monotonic_ns(), 0, image) for i, image in enumerate(frames)
        ]
        times = _timed(lambda i: watcher.step(made[i]), len(made))[len(made) // 4 :]
    finally:
        watcher.close()
        cv2.setNumThreads(before)
    mean = float(np.mean(times))
    keeps = 0.9e3 / mean
    verdict: Verdict = "ok" if keeps >= fps else "slow"
    yield Finding(
        "watch",
        f"one core keeps {keeps:.0f} fps at {config.source.width}x{config.source.height}",
        verdict,
        *_p50_p99(times),
        advice=""
        if verdict == "ok"
        else f"{fps:g} fps are asked: use --set source.fps={int(keeps // 10 * 10)} or less",
    )


def _flow(config: "Config") -> Iterator[Finding]:
    from engines.flow import PRESETS, backends, open_solver

    noise = np.random.default_rng(0)
    import cv2

    onset = cv2.GaussianBlur(noise.integers(0, 255, (170, 140), dtype=np.uint8), (0, 0), 2)
    apex = np.roll(onset, 1, axis=1)
    present = backends()
    for backend in present:
        for preset in PRESETS:
            try:
                solve = open_solver(backend, preset)
                solve(onset, apex)
                times = _timed(lambda _, solve=solve: solve(onset, apex), _PAIRS)  # type: ignore[misc]
            except InputError as error:
                yield Finding(f"flow {backend} {preset}", "unusable", "broken", advice=str(error))
                continue
            chosen = config.recognise.backend in (backend, "auto") and preset == config.recognise.preset
            used = chosen and (config.recognise.backend != "auto" or backend == present[0])
            yield Finding(
                f"flow {backend} {preset}",
                "170x140, used by live" if used else "170x140",
                "ok",
                *_p50_p99(times),
            )
    if "cuda" not in present:
        yield Finding(
            "flow cuda", "not here", "missing", advice="needs an NVIDIA GPU and: pip install 'apexcam[gpu]'"
        )


def _classify(config: "Config") -> Iterator[Finding]:
    from engines.inference import every_runtime, open_classifier

    wish = config.recognise
    maps = np.random.default_rng(0).random((1, 3, 28, 28), dtype=np.float32)
    for runtime, reason in every_runtime().items():
        if reason:
            yield Finding(f"classify {runtime}", "not here", "missing", advice=reason)
            continue
        try:
            classify = open_classifier(wish.model, runtime, precision=wish.precision)
            classify(maps)
            times = _timed(lambda _, classify=classify: classify(maps), 50)  # type: ignore[misc]
        except InputError:
            raise
        except Exception as error:
            yield Finding(f"classify {runtime}", "does not run", "broken", advice=first_line(error))
            continue
        yield Finding(
            f"classify {runtime}", f"{classify.name} {classify.sha256[:12]}", "ok", *_p50_p99(times)
        )


def _recognise(config: "Config") -> Iterator[Finding]:
    """The way that live takes from crops to class, and what it had to do without."""
    from engines.face import CROP_HEIGHT, CROP_WIDTH
    from engines.recognition import Recognition

    wish, failed = config.recognise, list[str]()
    recognition = Recognition(
        wish.model,
        backend=wish.backend,
        preset=wish.preset,
        runtime=wish.runtime,
        precision=wish.precision,
        heard=failed.append,
    )
    crop = np.random.default_rng(0).integers(0, 255, (CROP_HEIGHT, CROP_WIDTH), dtype=np.uint8)
    times = _timed(lambda _: list(recognition([crop], [crop])), _PAIRS)
    yield Finding(
        "recognise, as live does",
        f"{recognition.way}: flow {' '.join(recognition.flow)}, {recognition.runtime}",
        "slow" if failed else "ok",
        *_p50_p99(times),
        advice="; ".join(failed),
    )


def _compiled(config: "Config") -> Iterator[Finding]:
    """What was just compiled to be timed: whether the next start finds it."""
    from engines.compiled import unkept

    why = unkept()
    yield Finding(
        "compiled code", "made anew at every start" if why else "kept", "slow" if why else "ok", advice=why
    )


def _ports(config: "Config") -> Iterator[Finding]:
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


def _dashboard(config: "Config") -> Iterator[Finding]:
    here = importlib.util.find_spec("nicegui") is not None
    yield Finding(
        "dashboard",
        "NiceGUI is installed" if here else "NiceGUI is not installed",
        "ok" if here else "missing",
        advice="" if here else "pip install nicegui, or run with --no-dashboard",
    )


def _timed(work: Callable[[int], Any], count: int) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for i in range(count):
        began = time.perf_counter()
        work(i)
        times.append((time.perf_counter() - began) * 1e3)
    return times


def _p50_p99(times: list[float]) -> tuple[float, float]:
    p50, p99 = np.percentile(times, (50, 99))
    return round(float(p50), 3), round(float(p99), 3)
