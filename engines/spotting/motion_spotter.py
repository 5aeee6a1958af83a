"""The sliding onset tracker and apex spotter: regional motion against the head, streaming.

Every frame gives each region a displacement that the head does not explain. A learned look at their course says when a
micro-expression had its apex and how sure that is; the course itself says when it began and ended. What moves for
longer is a macro-expression. Whatever else moved is refused, with the reason.
"""

from collections import Counter, deque
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import Image
from engines.spotting.blink import BlinkTracker
from engines.spotting.bump import Bump, BumpSearch, locate
from engines.spotting.detector import Apex, Detector, open_network
from engines.spotting.early import Announcements, EarlyLook
from engines.spotting.face_motion import FaceMotion, Seen
from engines.spotting.features import FeatureRows, face_shape
from engines.spotting.held import Held, HoldTracker
from engines.spotting.history import History
from engines.spotting.refusals import Evidence, why_not
from engines.spotting.regions import NAMES
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Early, Instant, Phase, Sample, Spot, View

# A slow camera sees a short movement on a frame or two, as it sees a window that slips.
_LEAST_FRAMES = 4
# Onset and offset are where the motion is down to a twentieth, so what lasts the longest time measures a little longer.
_LONGER = 1.25
# Brightness that changes by this much (natural log) within this time was switched.
_SWITCHED, _SWITCH_S = 0.06, 0.05
# A movement that was noticed and is not reported by then has been refused.
_DECIDED_S = 0.75
# What is at least this probable and not reported is worth a word: another number of alarms would report it.
_LIKELY = 0.1
_NOTICED_EACH_S = 0.015
# The mouth's shapes are remembered until a movement is decided, and looked at so long before and after it.
_SHAPES_S, _MOUTH_S = 2.0, 0.6
# What is shown is how far the face is from where it mostly was for so long.
_LEVEL_S = 1.3
# What was noticed this near to something reported is the same movement.
_SAME_S = 0.3


class MotionSpotter:
    """Spots micro-, macro-expressions and blinks of one face; see `Spotter` for the interface.

    Raises InputError where the network cannot be opened.
    """

    def __init__(self, settings: SpottingSettings | None = None) -> None:
        self.settings = settings = settings or SpottingSettings()
        count = len(NAMES)
        self._face = FaceMotion(settings.head_settle_s, settings.reference_s)
        self._rows = FeatureRows()
        network = open_network(Path(settings.model) if settings.model else None)
        self._odds = network.odds
        self._threshold = network.odds.threshold(settings.alarms_per_minute)
        self._detector = Detector(network)
        self._early_look = EarlyLook(network, settings)
        self._announced = Announcements()
        self._blinks = BlinkTracker()
        self._history, self._heads = History(count), History(1)
        self._search = BumpSearch(
            count, settings.micro_max_s, settings.smooth_s, settings.threshold_px, settings.noise_factor
        )
        self._holds = HoldTracker(settings.micro_max_s, settings.macro_max_s)
        self._refused: Counter[str] = Counter()
        self._start("no frame yet")

    def _start(self, reason: str) -> None:
        self._announced.withdraw_all(reason)
        self._early_look.clear()
        self._last_s: float | None = None
        self._noticed: deque[Bump] = deque()
        self._noticed_s = -np.inf
        self._reported_s: deque[float] = deque(maxlen=8)
        self._unsure_s: deque[float] = deque(maxlen=8)
        self._phase: Phase = "blind"
        self._reason = reason
        self._levels: deque[tuple[float, float]] = deque()
        self._switched_s = -np.inf
        self._shapes: deque[tuple[float, NDArray[np.float64]]] = deque()
        self._face.clear()
        self._rows.clear()
        self._detector.clear()
        self._history.clear()
        self._heads.clear()
        self._holds.clear()
        self._blinks.reset()

    def interrupt(self, reason: str) -> None:
        """See `Spotter.interrupt`."""
        if self._phase != "blind" or self._reason != reason:
            self._start(reason)

    def wants_landmarks(self) -> bool:
        """See `Spotter.wants_landmarks`."""
        return self._blinks.wants_openness

    def flush(self) -> list[Spot]:
        """See `Spotter.flush`: the face is taken to stay as it is."""
        spots = [spot for apex in self._detector.flush() for spot in self._judge(apex)]
        self._settle(np.inf)
        self._start("stream ended")
        return spots

    def early(self) -> list[Early]:
        """See `Spotter.early`."""
        return self._announced.take()

    def view(self) -> View:
        """See `Spotter.view`."""
        motion = np.zeros((len(NAMES), 2))
        if len(self._history):
            now = float(self._history.times[-1])
            motion = self._history.mean(now - self.settings.smooth_s, now) - self._history.level(_LEVEL_S)
        thresholds = self._search.thresholds(-1).mean(axis=1)
        return View(self._phase, self._reason, NAMES, motion, thresholds, dict(self._refused))

    def push(self, sample: Sample) -> list[Spot]:
        """See `Spotter.push`."""
        t_s = sample.t_s
        if self._last_s is not None and not 0 < t_s - self._last_s < self.settings.gap_s:
            self._start("frames missing")
        if self._last_s is None:
            self._reason = "settling"
        self._last_s = t_s
        seen = self._face.push(sample, eyes=not self._blinks.disturbed)
        if seen is None:
            self._start("face covered or changed")
            self._last_s = t_s
            return []
        self._notice_light(t_s, sample.crop)
        self._history.append(t_s, sample.index, seen.motion)
        self._heads.append(t_s, sample.index, seen.pose[None, :2])
        blink = self._blinks.push(sample.index, t_s, seen.eyes, sample.openness if sample.fresh else None)
        spots = []
        if blink is not None:
            spots.append(
                Spot("blink", *blink, intensity_px=0.0, confidence=1.0, reason="eyes closed and opened")
            )
        apexes = self._look(sample, seen)
        if sample.fresh:
            spots.extend(self._hold(sample))
        if self._history.span_s() < self.settings.rest_s:
            return spots
        for apex in apexes:
            spots.extend(self._judge(apex))
        self._announce()
        self._notice(t_s)
        self._settle(t_s - _DECIDED_S)
        self._phase = self._name_phase(t_s)
        return spots

    def _look(self, sample: Sample, seen: Seen) -> list[Apex]:
        """Apexes that the network is certain of now, likely or not."""
        shape = face_shape(sample.landmarks, sample.openness)
        self._shapes.append((sample.t_s, shape))
        while sample.t_s - self._shapes[0][0] > _SHAPES_S:
            self._shapes.popleft()
        found = []
        for at_s, row in self._rows.push(sample.t_s, seen.motion, seen.pose, seen.eyes, shape, seen.match):
            apex = self._detector.push(at_s, row)
            if apex is not None:
                found.append(apex)
        return found

    def _hold(self, sample: Sample) -> list[Spot]:
        """A movement of seconds that ended with this sample: reported, or refused."""
        held = self._holds.push(sample.index, sample.t_s, sample.landmarks)
        if isinstance(held, Held):
            return [held.spot()]
        if held is not None:
            self._count(held)
        return []

    def _judge(self, apex: Apex) -> list[Spot]:
        """An apex the network found: measured and reported, or refused."""
        begun = float(self._history.times[0]) if len(self._history) else np.inf
        if apex.apex_s < begun + self.settings.rest_s:
            return []
        if apex.logit <= self._threshold:
            if self._odds.probability(apex.logit) > _LIKELY:
                self._unsure_s.append(apex.apex_s)
            return []
        course = locate(self._history, apex, self.settings.smooth_s)
        onset, top, offset = (self._instant(at) for at in (course.onset, course.apex, course.offset))
        refusal = self._refuse(onset, top, offset, float(np.hypot(*course.displacement.T).max()))
        self._reported_s.append(top.t_s)
        if refusal:
            self._count(refusal)
            self._announced.refuse(top.t_s, refusal)
            return []
        self._reason = f"rose and returned in {(offset.t_s - onset.t_s) * 1000:.0f} ms"
        spot = self._micro(onset, top, offset, course.moving, course.displacement, apex.logit)
        return [self._announced.confirm(spot)]

    def _micro(
        self,
        onset: Instant,
        apex: Instant,
        offset: Instant,
        moving: NDArray[np.bool_],
        displacement: NDArray[np.float64],
        logit: float,
    ) -> Spot:
        size = np.where(moving, np.hypot(*displacement.T), 0)
        order = np.argsort(-size)[: int(moving.sum())]
        return Spot(
            "micro",
            onset,
            apex,
            offset,
            intensity_px=float(size.max()),
            confidence=self._odds.probability(logit),
            regions=tuple(NAMES[i] for i in order),
            reason=self._reason,
        )

    def _announce(self) -> None:
        """What has turned back and will probably be a micro-expression is announced before it is over."""
        turned = self._early_look.push(self._history, self._detector)
        if turned is not None:
            onset, apex, now = (self._instant(at) for at in (turned.onset, turned.apex, -1))
            if not self._hidden(onset, apex, now, float(np.hypot(*turned.displacement.T).max())):
                spot = self._micro(onset, apex, now, turned.moving, turned.displacement, turned.logit)
                self._announced.announce(replace(spot, reason="has turned back"))
        self._announced.expire(float(self._history.times[-1]), "did not return as a micro-expression does")

    def _refuse(self, onset: Instant, apex: Instant, offset: Instant, size_px: float) -> str:
        """Why what the network found is no micro-expression all the same; empty if it is one."""
        if hidden := self._hidden(onset, apex, offset, size_px):
            return hidden
        lasted = offset.t_s - onset.t_s
        first, last = self._history.first_since(onset.t_s), self._history.first_since(offset.t_s)
        if lasted < self.settings.micro_min_s:
            return f"too short for an expression ({lasted * 1000:.0f} ms)"
        if last - first < _LEAST_FRAMES:
            return f"seen on too few frames to be sure ({last - first - 1} between onset and offset)"
        if lasted > _LONGER * self.settings.micro_max_s:
            return f"too long for a micro-expression ({lasted * 1000:.0f} ms)"
        return ""

    def _hidden(self, onset: Instant, apex: Instant, offset: Instant, size_px: float) -> str:
        """What hides a movement, over or not; empty if nothing does."""
        if size_px > self.settings.micro_max_px:
            return "too large for a micro-expression"
        first, last = self._history.first_since(onset.t_s), self._history.first_since(offset.t_s)
        path = self._heads.motion[first : last + 1, 0]
        if float(np.ptp(path, axis=0).max()) > self.settings.head_max_px:
            return "the head moved too far"
        if onset.t_s - _SWITCH_S <= self._switched_s <= apex.t_s + _SWITCH_S:
            return "the light was switched"
        return ""

    def _notice(self, t_s: float) -> None:
        """Remember what moved beyond its noise, reported or not; often enough for the shortest movement."""
        if t_s - self._noticed_s < _NOTICED_EACH_S:
            return
        step_s, self._noticed_s = min(t_s - self._noticed_s, self.settings.gap_s), t_s
        bump = self._search.push(self._history, step_s)
        if bump is None or bump.score < 1:
            return
        if self._noticed and bump.middle_s - self._noticed[-1].middle_s < _SAME_S:
            if bump.score > self._noticed[-1].score:
                self._noticed[-1] = bump
            return
        self._noticed.append(bump)

    def _settle(self, until_s: float) -> None:
        """What was noticed before a time and has not been reported is refused."""
        while self._noticed and self._noticed[0].middle_s < until_s:
            bump = self._noticed.popleft()
            if any(abs(bump.middle_s - reported_s) < _SAME_S for reported_s in self._reported_s):
                continue
            unsure = any(abs(bump.middle_s - apex_s) < _SAME_S for apex_s in self._unsure_s)
            self._count("too unsure for so few alarms" if unsure else why_not(self._evidence(bump)))

    def _count(self, refusal: str) -> None:
        self._reason = refusal
        self._refused[refusal.split(" (", maxsplit=1)[0]] += 1

    def _evidence(self, bump: Bump) -> Evidence:
        """What else is known of the moments around a bump."""
        begin, end = bump.middle_s - bump.reach_s, bump.middle_s + bump.reach_s
        first, last = self._history.first_since(begin), self._history.first_since(end)
        head = self._heads.motion[first : last + 1, 0]
        shapes = np.array([shape for at, shape in self._shapes if abs(at - bump.middle_s) < _MOUTH_S])
        return Evidence(
            motion=bump.motion,
            ratios=self._search.ratios(bump.motion, bump.reach_s),
            head_px=float(np.hypot(*np.ptp(head, axis=0))) if len(head) else 0.0,
            shapes=shapes.reshape(-1, 5),
            blinked=self._blinks.shut_within(begin, end),
            eyes_shut=self._blinks.shut_within(bump.middle_s - 0.5, bump.middle_s + 0.5),
            eyes_moved=self._blinks.disturbed_within(begin, end),
            after=float(
                np.abs(self._history.mean(end, end + 0.1) - self._history.mean(begin - 0.1, begin)).max()
            ),
            switched=begin - _SWITCH_S <= self._switched_s <= end,
        )

    def _name_phase(self, t_s: float) -> Phase:
        since = self._holds.since_s
        if since is not None and t_s - since > self.settings.micro_max_s:
            return "held"
        newest = self._noticed[-1] if self._noticed else None
        if newest is None or t_s - newest.middle_s >= self.settings.micro_max_s:
            return "rest"
        return "rising" if t_s - newest.middle_s < newest.reach_s + 0.05 else "falling"

    def _notice_light(self, t_s: float, crop: Image) -> None:
        """Remember when the light was switched: windows with little texture then seem to move."""
        level = float(crop.mean()) + 1.0
        while self._levels and t_s - self._levels[0][0] > _SWITCH_S:
            self._levels.popleft()
        if self._levels and abs(np.log(level / self._levels[0][1])) > _SWITCHED:
            self._switched_s = t_s
        self._levels.append((t_s, level))

    def _instant(self, at: int) -> Instant:
        return Instant(int(self._history.indices[at]), float(self._history.times[at]))
