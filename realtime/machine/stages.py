"""Checks of ``apexcam doctor``: the stages of a live run, timed one by one."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from engines.errors import InputError, first_line
from realtime.machine.finding import Finding, Verdict, p50_p99, timed

if TYPE_CHECKING:
    from realtime.config import Config

_FRAMES: Final = 160
_PAIRS: Final = 9


def _face(config: "Config", count: int) -> tuple[list[Any], float]:
    """The first frames of the demo at the configured size and rate, and the rate."""
    from engines.synthesis import demo

    settings = config.source
    renderer = demo(settings.fps, settings.width, settings.height)
    return [renderer.frame(i) for i in range(count)], settings.fps


def landmarks(config: "Config") -> Iterator[Finding]:
    """Times the face mesh on rendered frames."""
    import cv2

    from engines.face.mesh import Mesh

    frames, _ = _face(config, 12)
    mesh = Mesh()
    try:
        rgb = [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in frames]
        seen = [mesh.landmarks(image) is not None for image in rgb]
        times = timed(lambda i: mesh.landmarks(rgb[i % len(rgb)]), 30)
    finally:
        mesh.close()
    found = "MediaPipe FaceMesh" if any(seen) else "MediaPipe FaceMesh, no face found in a rendered picture"
    yield Finding("landmarks", found, "ok" if any(seen) else "broken", *p50_p99(times))


def watch(config: "Config") -> Iterator[Finding]:
    """Measures how many frames a second one core can watch."""
    import cv2

    from realtime.ring import Frame
    from realtime.stages.watcher import Watcher

    frames, fps = _face(config, _FRAMES)
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    watcher = Watcher(config.faces, config.spotting, "doctor")
    try:
        stream = [
            Frame(i, round(i / fps * 1e9), time.monotonic_ns(), 0, image) for i, image in enumerate(frames)
        ]
        times = timed(lambda i: watcher.step(stream[i]), len(stream))[len(stream) // 4 :]
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
        *p50_p99(times),
        advice=""
        if verdict == "ok"
        else f"{fps:g} fps are requested: use --set source.fps={int(keeps // 10 * 10)} or less",
    )


def flow(config: "Config") -> Iterator[Finding]:
    """Times every flow solver with every preset."""
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
                times = timed(lambda _, solve=solve: solve(onset, apex), _PAIRS)  # type: ignore[misc]
            except InputError as error:
                yield Finding(f"flow {backend} {preset}", "unusable", "broken", advice=str(error))
                continue
            chosen = config.recognise.backend in (backend, "auto") and preset == config.recognise.preset
            used = chosen and (config.recognise.backend != "auto" or backend == present[0])
            yield Finding(
                f"flow {backend} {preset}",
                "170x140, used by live" if used else "170x140",
                "ok",
                *p50_p99(times),
            )
    if "cuda" not in present:
        yield Finding(
            "flow cuda", "not here", "missing", advice="needs an NVIDIA GPU and: pip install 'apexcam[gpu]'"
        )


def classify(config: "Config") -> Iterator[Finding]:
    """Times the network in every runtime."""
    from engines.inference import every_runtime, open_classifier

    settings = config.recognise
    maps = np.random.default_rng(0).random((1, 3, 28, 28), dtype=np.float32)
    for runtime, reason in every_runtime().items():
        if reason:
            yield Finding(f"classify {runtime}", "not here", "missing", advice=reason)
            continue
        try:
            classify = open_classifier(settings.model, runtime, precision=settings.precision)
            classify(maps)
            times = timed(lambda _, classify=classify: classify(maps), 50)  # type: ignore[misc]
        except InputError:
            raise
        except Exception as error:
            yield Finding(f"classify {runtime}", "does not run", "broken", advice=first_line(error))
            continue
        yield Finding(f"classify {runtime}", f"{classify.name} {classify.sha256[:12]}", "ok", *p50_p99(times))


def recognise(config: "Config") -> Iterator[Finding]:
    """Times the path from crops to class as a live run takes it, with what failed on the way."""
    from engines.face import CROP_HEIGHT, CROP_WIDTH
    from engines.recognition import Recognition

    settings, failed = config.recognise, list[str]()
    recognition = Recognition(
        settings.model,
        backend=settings.backend,
        preset=settings.preset,
        runtime=settings.runtime,
        precision=settings.precision,
        on_notice=failed.append,
    )
    crop = np.random.default_rng(0).integers(0, 255, (CROP_HEIGHT, CROP_WIDTH), dtype=np.uint8)
    times = timed(lambda _: list(recognition([crop], [crop])), _PAIRS)
    yield Finding(
        "recognise, as live does",
        f"{recognition.way}: flow {' '.join(recognition.flow)}, {recognition.runtime}",
        "slow" if failed else "ok",
        *p50_p99(times),
        advice="; ".join(failed),
    )


def compiled(config: "Config") -> Iterator[Finding]:
    """Whether the code compiled for these checks is cached for the next start."""
    from engines.compiled import unkept

    why = unkept()
    found = "compiled anew at every start" if why else "cached"
    yield Finding("compiled code", found, "slow" if why else "ok", advice=why)
