"""Rendered long videos: faces that no setting was tuned on, each with a script and a camera. Made on the fly, never
written.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.synthesis import Identity, Renderer, Scene, Script
from offline.spotting.truth import Interval

Range = tuple[float, float]
# Tuning uses smaller seeds; measuring begins here.
HELD_OUT = 101
# A step of exposure is over after this long.
_STEP_S = 0.06
# How many of a lively face's acts are speech or laughter.
_LIVELY_SPEECH = 0.3


@dataclass(frozen=True)
class Knobs:
    """What a rendered video is like. Ranges are (least, most), drawn from by the seed.

    ``amplitude_px`` is displacement at a face 200 px wide; ``noise`` grey levels; ``sway_px`` pixels of the frame;
    ``face_px`` the face's width in the frame. ``neutral`` videos hold everything but micro-expressions: more macros,
    speech and glances than others, jolts of the head and steps of the exposure. ``lively`` videos move as real people
    did: heads nod and turn, faces speak and laugh more often than others, some micro-expressions fall into speech.
    """

    fps: float = 200.0
    seconds: float = 60.0
    amplitude_px: Range = (0.8, 2.6)
    noise: Range = (1.5, 3.0)
    sway_px: Range = (3.0, 6.0)
    face_px: Range = (160.0, 300.0)
    neutral: bool = False
    lively: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.seconds <= 3600:
            raise InputError(f"rendered video: {self.seconds:g} s; choose between 2 and 3600")
        if not 10 <= self.fps <= 500:
            raise InputError(f"rendered video: {self.fps:g} frames a second; choose between 10 and 500")


@dataclass(frozen=True)
class RenderedVideo:
    """One face, one script. See `Video`."""

    seed: int
    knobs: Knobs = Knobs()
    tag: str = ""

    @property
    def name(self) -> str:
        """See `Video.name`."""
        kind = "neutral" if self.knobs.neutral else "face"
        lively = "-lively" if self.knobs.lively else ""
        return f"{kind}{self.seed}-{self.knobs.fps:g}fps{lively}{self.tag}"

    @property
    def fps(self) -> float:
        """See `Video.fps`."""
        return self.knobs.fps

    @property
    def neutral(self) -> bool:
        """See `Video.neutral`."""
        return self.knobs.neutral

    @property
    def count(self) -> int:
        """See `Video.count`."""
        return round(self.knobs.seconds * self.knobs.fps)

    def identity(self) -> str:
        """See `Video.identity`."""
        return msgspec.json.encode({"seed": self.seed, **asdict(self.knobs)}).decode()

    @cached_property
    def scene(self) -> Scene:
        """The scene; everything not in the knobs is drawn from the seed, the same at every knob."""
        knobs = self.knobs
        rng = np.random.default_rng((0x590F, self.seed))

        def draw(low: float, high: float) -> float:
            return float(rng.uniform(low, high))

        noise, sway = draw(*knobs.noise), draw(*knobs.sway_px)
        sway_deg, yaw_px, breathing = draw(0.3, 1.2), draw(0.4, 1.6), draw(0.002, 0.007)
        flicker, exposure_drift, light_drift = draw(0.0, 0.015), draw(0.0, 0.06), draw(0.0, 0.08)
        script = Script(seed=self.seed, duration_s=knobs.seconds, amplitude_px=knobs.amplitude_px)
        jolts: tuple[tuple[float, float, float], ...] = ()
        steps: tuple[tuple[float, float], ...] = ()
        if knobs.neutral:
            script = Script(
                seed=self.seed, duration_s=knobs.seconds, neutral=True, macros=0.2, speeches=0.2, glances=0.3
            )
            often = max(1, round(knobs.seconds / 15))
            places = sorted(draw(2, knobs.seconds) for _ in range(often))
            jolts = tuple((at, draw(-8, 8), draw(-4, 4)) for at in places)
            moments = sorted(draw(2, knobs.seconds) for _ in range(often))
            steps = tuple((at, float(np.exp(draw(-0.25, 0.25)))) for at in moments)
        if knobs.lively:
            script = replace(script, lively=True, speeches=_LIVELY_SPEECH)
        return Scene(
            identity=Identity.from_seed(self.seed, face_px=knobs.face_px),
            fps=knobs.fps,
            seed=self.seed,
            performances=script,
            sway_px=sway,
            noise=noise,
            jolts=jolts,
            exposure_steps=steps,
            sway_deg=sway_deg,
            yaw_px=yaw_px,
            breathing=breathing,
            real_head=1.0 if knobs.lively else 0.0,
            flicker=flicker,
            exposure_drift=exposure_drift,
            light_drift=light_drift,
        )

    @cached_property
    def renderer(self) -> Renderer:
        """The renderer, made when it is first needed."""
        return Renderer(self.scene)

    def __getstate__(self) -> dict[str, object]:
        return {"seed": self.seed, "knobs": self.knobs, "tag": self.tag}

    def performed(self) -> list[Interval]:
        """See `Video.performed`; steps of the exposure are of the kind light."""
        done = [
            Interval(t.kind, t.onset, t.apex, t.offset, t.label, t.amplitude_px, t.aus)
            for t in self.renderer.truth(self.count - 1)
        ]
        for at, _ in self.scene.exposure_steps:
            first = int(at * self.fps)
            done.append(Interval("light", first, None, first + max(1, round(_STEP_S * self.fps))))
        return sorted(done, key=lambda interval: interval.onset)

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """See `Video.frames`."""
        for index in range(self.count):
            yield index, self.renderer.frame(index)

    def time_s(self, index: int) -> float:
        """See `Video.time_s`."""
        return index / self.fps

    def head_px(self, first: int, last: int) -> float | None:
        """See `Video.head_px`: the diagonal of all places the head was at, turns of the head included."""
        poses = [self.renderer.pose(i) for i in range(first, last + 1)]
        half_face = 0.5 * self.scene.identity.face_px
        x = np.array([pose.x + pose.yaw for pose in poses])
        y = np.array([pose.y + pose.pitch for pose in poses])
        turns = half_face * (np.ptp([pose.roll for pose in poses]) + np.ptp([pose.scale for pose in poses]))
        return float(np.hypot(np.ptp(x), np.ptp(y)) + turns)
