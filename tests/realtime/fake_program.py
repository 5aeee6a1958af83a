"""A program that publishes what a live run would, without camera, models or processes: for tests of its listeners.

As a script: ``fake_program.py ENDPOINT [SECONDS BETWEEN EVENTS]`` publishes until it is ended.
"""

import math
import random
import sys
import time
from collections.abc import Iterator

import cv2
import numpy as np

from engines.flow import picture
from realtime import config, messages
from realtime.bus.publisher import Bus

CAMERA = "demo"
FPS = 200
WIDTH, HEIGHT = 640, 480
NAMES = (
    *("brow outer left", "brow inner left", "glabella", "brow inner right", "brow outer right"),
    *("nose bridge", "nose tip", "nose wing left", "nose wing right"),
    *("cheek left", "cheek right", "cheekbone left", "cheekbone right"),
    *("mouth corner left", "mouth corner right", "upper lip", "lower lip", "chin"),
)
LABELS = ("surprise", "positive", "negative", None, "blink", "positive", "macro")
MOVES = {
    "surprise": (0, 1, 2, 3, 4, 16, 17),
    "positive": (9, 10, 11, 12, 13, 14),
    "negative": (1, 2, 3, 7, 8),
    None: (13, 14, 15),
    "blink": (0, 4),
    "macro": (9, 10, 13, 14, 15, 16),
}


class Program:
    """The messages of one camera at any time, and the picture to them."""

    def __init__(self, every_s: float = 2.5) -> None:
        self.every_s = every_s
        self.noise = random.Random(1)
        self.portrait = _portrait()

    def label(self, number: int) -> str | None:
        return LABELS[number % len(LABELS)]

    def apex_s(self, number: int) -> float:
        return (number + 1) * self.every_s

    def state(self, t: float) -> messages.State:
        x, y = _sway(t)
        motion = [abs(self.noise.gauss(0, 0.03)) for _ in NAMES]
        number = round(t / self.every_s) - 1
        if number >= 0:
            label = self.label(number)
            width = 0.5 if label == "macro" else 0.09
            bump = math.exp(-(((t - self.apex_s(number)) / width) ** 2))
            for i in MOVES[label]:
                motion[i] += bump * (2.5 if label == "macro" else 0.5 + 0.08 * (i % 5))
        outline = [(px + x, py + y) for px, py in _OUTLINE]
        face = messages.FaceState(
            face=0,
            status="ok",
            reason="",
            phase="rest",
            box=(230 + x, 120 + y, 190, 240),
            landmarks=outline,
            crop_to_frame=(1.35, 0.03, 230 + x, -0.03, 1.35, 125 + y),
            regions=[
                messages.Region(name, round(m, 3), 0.0, 0.18) for name, m in zip(NAMES, motion, strict=True)
            ],
        )
        return messages.State(camera=CAMERA, at=_moment(t), fps=199.9, faces=[face])

    def preview(self, t: float) -> messages.Preview:
        x, y = _sway(t)
        image = cv2.warpAffine(self.portrait, np.array([[1, 0, x], [0, 1, y]], np.float32), (WIDTH, HEIGHT))
        return messages.Preview(
            camera=CAMERA, at=_moment(t), jpeg=_encode(".jpg", image), width=WIDTH, height=HEIGHT
        )

    def event(self, number: int) -> tuple[messages.Event, messages.Preview]:
        label, apex = self.label(number), self.apex_s(number)
        kind = label if label in ("blink", "macro") else "micro"
        named = label if kind == "micro" else None
        low, high = (0.8, 0.9) if kind == "macro" else (0.11, 0.14)
        share = {"surprise": 0.08, "positive": 0.11, "negative": 0.07} | ({named: 0.83} if named else {})
        event = messages.Event(
            event_id=f"{CAMERA}-0-{round((apex - low) * FPS)}-{kind}",
            camera=CAMERA,
            face=0,
            kind=kind,
            onset=_moment(apex - low),
            apex=_moment(apex),
            offset=_moment(apex + high),
            label=named,
            probabilities={name: share[name] for name in ("negative", "positive", "surprise")}
            if kind == "micro"
            else {},
            abstained=kind == "micro" and named is None,
            confidence=0.9,
            intensity_px=0.84 if kind == "micro" else 2.4,
            frames_lost=0,
            fps=199.9,
            latency_ms={"spotted": 71.0, "flow": 21.4, "classify": 0.3, "total": 96.2},
            model=messages.Model("ststnet", "0" * 64, "onnxruntime cpu"),
            flow=messages.FlowUsed("cpu", "precise"),
            reason="no class reaches 0.45" if kind == "micro" and named is None else "",
        )
        crop = cv2.cvtColor(cv2.resize(self.portrait[120:360, 230:428], (140, 170)), cv2.COLOR_BGR2GRAY)
        pictures = {"onset": _encode(".png", crop), "apex": _encode(".png", np.roll(crop, 1, axis=0))}
        if kind == "micro":
            v, u = np.mgrid[-1:1:170j, -1:1:140j].astype(np.float32)
            size = np.exp(-6 * ((u + 0.1) ** 2 + (v - 0.4) ** 2)).astype(np.float32)
            heat = cv2.applyColorMap((size * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
            pictures |= {
                "flow": _encode(".png", picture(u * size, v * size)),
                "strain": _encode(".png", heat),
            }
        return event, messages.Preview(
            camera=CAMERA, at=event.apex, jpeg=b"", event_id=event.event_id, pictures=pictures
        )

    def health(self, t: float) -> messages.Health:
        load = (("capture", 31.0), ("watch", 62.0), ("recognise", 4.0), ("dashboard", 6.0), ("main", 5.0))
        return messages.Health(
            camera=CAMERA,
            uptime_s=t,
            status="running",
            advice="",
            requested_fps=200.0,
            delivered_fps=199.9,
            captured=round(t * FPS),
            processed=round(t * FPS),
            lost_driver=0,
            lost_ring=0,
            events={"micro": round(t / self.every_s), "macro": 1, "blink": 2},
            latency_ms={"apex_to_published": {"p50": 92.0, "p99": 141.0, "max": 160.0, "count": 12.0}},
            backends={"flow": "cpu precise", "classify": "ststnet on onnxruntime", "spotting": "motion"},
            dropped_messages={},
            processes=[
                messages.ProcessHealth(
                    name=name, pid=4000 + i, alive=True, restarts=0, cpu_percent=cpu, rss_mb=120.0
                )
                for i, (name, cpu) in enumerate(load)
            ],
        )


def publish(endpoint: str, every_s: float = 2.5) -> Iterator[None]:
    """Publishes in real time, yields about a hundred times a second."""
    program = Program(every_s)
    bus = Bus(config.Bus(endpoint=endpoint))
    began = time.monotonic()
    next_state = next_preview = next_health = 0.0
    number = 0
    try:
        while True:
            bus.serve()
            t = time.monotonic() - began
            if t >= next_state:
                next_state += 0.05
                bus.publish(program.state(t))
            if t >= next_preview and bus.wanted(CAMERA, "preview"):
                next_preview = t + 1 / 12
                bus.publish(program.preview(t))
            if t >= next_health:
                next_health += 1.0
                bus.publish(program.health(t))
            if t >= program.apex_s(number) + 0.2:
                for message in program.event(number):
                    bus.publish(message)
                number += 1
            yield
            time.sleep(0.01)
    finally:
        bus.close()


def _sway(t: float) -> tuple[float, float]:
    return 6 * math.sin(t * 0.9), 3 * math.sin(t * 1.3)


def _moment(t: float) -> messages.Moment:
    wall = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() * 1000) % 1000:03d}Z"
    return messages.Moment(frame=round(t * FPS), t_ns=round(t * 1e9), wall=wall)


def _encode(kind: str, image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(kind, image)[1])


def _portrait() -> np.ndarray:
    """The public-domain portrait of scikit-image, its face in the middle of a camera picture."""
    from skimage.data import astronaut

    image = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
    return cv2.warpAffine(image, np.array([[1.5, 0, -15], [0, 1.5, 65]], np.float32), (WIDTH, HEIGHT))


def _ellipse(
    cx: float, cy: float, rx: float, ry: float, count: int, arc: float = 1.0
) -> list[tuple[float, float]]:
    """Points along an ellipse from its left end over the top, ``arc`` of the whole way round."""
    angles = [math.pi + 2 * math.pi * arc * i / (count if arc == 1 else count - 1) for i in range(count)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


_OUTLINE = (
    *_ellipse(285, 190, 28, 12, 5, 0.5),
    *_ellipse(365, 190, 28, 12, 5, 0.5),
    *_ellipse(287, 208, 20, 8, 6),
    *_ellipse(363, 208, 20, 8, 6),
    *[(325, 205 + 18 * i) for i in range(4)],
    *[(308 + 11 * i, 262) for i in range(4)],
    *_ellipse(325, 300, 36, 14, 12),
    *_ellipse(325, 240, 95, 120, 36),
)

if __name__ == "__main__":
    for _ in publish(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 2.5):
        pass
