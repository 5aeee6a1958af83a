"""The newest messages of each camera: filled by the thread that reads the bus, read by every open page."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import msgspec

from realtime import messages
from realtime.dashboard import words
from realtime.dashboard.update import Cursor, Mark, SeenFace, Update

HISTORY_S: Final = 9.0
CARDS: Final = 12
# A card that was just removed may still be loading its pictures.
_CARDS_KEPT: Final = CARDS + 4
_STATES: Final = 16
_Kept = TypeVar("_Kept")
# A jump of the source's clock by more than this begins a new curve.
_GAP_S: Final = 5.0
_SILENT_S: Final = 3.0


@dataclass
class Entry:
    """A card: an event with its pictures, or consecutive blinks. ``revision`` increases with every change."""

    number: int
    revision: int
    event: messages.Event
    pictures: dict[str, bytes] = field(default_factory=dict)
    count: int = 1


@dataclass
class Camera:
    """The newest data of one camera; each ``…_seen`` counts all that ever came."""

    name: str
    epoch: int = 0
    names: tuple[str, ...] = ()
    lanes: list[tuple[str, list[str]]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    columns: deque[list[float]] = field(default_factory=deque)
    columns_seen: int = 0
    marks: deque[Mark] = field(default_factory=deque)
    marks_seen: int = 0
    states: deque[messages.State] = field(default_factory=lambda: deque(maxlen=_STATES))
    jpeg: bytes = b""
    frame: int = 0
    size: tuple[int, int] = (0, 0)
    pictures_seen: int = 0
    health: messages.Health | None = None
    healths_seen: int = 0
    last_received: float = 0.0
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=3 * _CARDS_KEPT))


class Feed:
    """The newest data by camera. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cameras: dict[str, Camera] = {}
        self._encoder = msgspec.json.Encoder()
        self._pages = 0
        self._left = -1e9
        self.changes = 0

    # --- from the bus

    def take(self, message: messages.Message) -> None:
        """Stores a message."""
        with self._lock:
            camera = self._cameras.setdefault(message.camera, Camera(message.camera))
            camera.last_received = time.monotonic()
            match message:
                case messages.State():
                    _add_state(camera, message)
                case messages.Preview():
                    self._add_preview(camera, message)
                case messages.Health():
                    camera.health = message
                    camera.healths_seen += 1
                case messages.Event():
                    self._add_event(camera, message)

    def _add_preview(self, camera: Camera, preview: messages.Preview) -> None:
        if preview.event_id is None:
            camera.jpeg, camera.frame = preview.jpeg, preview.at.frame
            camera.size = (preview.width, preview.height)
            camera.pictures_seen += 1
            return
        for entry in reversed(camera.entries):
            if entry.event.event_id == preview.event_id:
                entry.pictures = preview.pictures
                self._touch(entry)
                return

    def _add_event(self, camera: Camera, event: messages.Event) -> None:
        if event.stage == "final":
            self._mark(camera, event)
        for entry in reversed(camera.entries):
            if entry.event.event_id == event.event_id:
                entry.event = event
                self._touch(entry)
                return
        if event.stage == "withdrawn":
            return
        if event.kind == "blink" and camera.entries and camera.entries[-1].event.kind == "blink":
            last = camera.entries[-1]
            last.event, last.count = event, last.count + 1
            self._touch(last)
            return
        entry = Entry(self.changes + 1, 0, event)
        self._touch(entry)
        camera.entries.append(entry)
        while sum(kept.event.kind != "blink" for kept in camera.entries) > _CARDS_KEPT:
            camera.entries.popleft()

    def _mark(self, camera: Camera, event: messages.Event) -> None:
        camera.marks.append(
            Mark(
                event.kind,
                event.label,
                event.onset.t_ns / 1e9,
                event.apex.t_ns / 1e9,
                event.offset.t_ns / 1e9,
            )
        )
        camera.marks_seen += 1

    def _touch(self, entry: Entry) -> None:
        self.changes += 1
        entry.revision = self.changes

    # --- to the pages

    def cameras(self) -> list[str]:
        """The names of all cameras so far."""
        with self._lock:
            return sorted(self._cameras)

    def health(self, name: str) -> tuple[messages.Health | None, int]:
        """The newest health of a camera, and how many there have been."""
        with self._lock:
            camera = self._cameras.get(name)
            return (None, 0) if camera is None else (camera.health, camera.healths_seen)

    def silent(self, name: str) -> bool:
        """Whether nothing has come from this camera for some seconds, or ever."""
        with self._lock:
            camera = self._cameras.get(name)
            return camera is None or time.monotonic() - camera.last_received > _SILENT_S

    def entries(self, name: str) -> list[Entry]:
        """The cards of a camera, newest first."""
        with self._lock:
            camera = self._cameras.get(name)
            if camera is None:
                return []
            newest: list[Entry] = []
            room = CARDS
            for entry in reversed(camera.entries):
                room -= entry.event.kind != "blink"
                if room < 0:
                    break
                newest.append(replace(entry))
            return newest

    def picture(self, number: int, name: str) -> bytes | None:
        """A picture (JPEG or PNG) of the event with this number; None if there is none."""
        with self._lock:
            for camera in self._cameras.values():
                for entry in camera.entries:
                    if entry.number == number:
                        return entry.pictures.get(name)
        return None

    def update(self, name: str, cursor: Cursor) -> bytes | None:
        """What is new for a page, whose cursor it advances; None if nothing is.

        The bytes are the length of the JSON (4 bytes, little endian), the JSON of an `Update`, and a JPEG if there is
        a new frame.
        """
        with self._lock:
            camera = self._cameras.get(name)
            if camera is None:
                return None
            update = Update(camera.name)
            if cursor.camera != name or cursor.epoch != camera.epoch:
                cursor.camera, cursor.epoch = name, camera.epoch
                cursor.column = camera.columns_seen - len(camera.columns)
                cursor.mark = camera.marks_seen - len(camera.marks)
                cursor.picture = 0
                update.reset, update.lanes = True, camera.lanes
            update.columns = _last(camera.columns, camera.columns_seen - cursor.column)
            update.marks = _last(camera.marks, camera.marks_seen - cursor.mark)
            jpeg = b""
            if cursor.picture != camera.pictures_seen and camera.jpeg:
                jpeg = camera.jpeg
                update.frame, update.size = camera.frame, camera.size
                update.faces = _faces(camera)
            silent = time.monotonic() - camera.last_received > _SILENT_S
            state = camera.states[-1] if camera.states else None
            update.notice = words.for_picture(state, camera.health, silent=silent)
            if not (update.reset or update.columns or update.marks or jpeg or update.notice != cursor.notice):
                return None
            update.limits = camera.limits
            cursor.notice = update.notice
            cursor.column, cursor.mark = camera.columns_seen, camera.marks_seen
            cursor.picture = camera.pictures_seen
        head = self._encoder.encode(update)
        return len(head).to_bytes(4, "little") + head + jpeg

    def count_viewers(self, change: int) -> None:
        """Counts a page that was opened (1) or closed (-1)."""
        with self._lock:
            self._pages += change
            self._left = time.monotonic()

    def wanted(self, linger_s: float) -> bool:
        """Whether a page is open, or was within the last ``linger_s`` seconds: it may be reloading."""
        with self._lock:
            return self._pages > 0 or time.monotonic() - self._left < linger_s


def _last(kept: deque[_Kept], count: int) -> list[_Kept]:
    return list(kept)[max(0, len(kept) - count) :] if count > 0 else []


def _add_state(camera: Camera, state: messages.State) -> None:
    camera.states.append(state)
    t = state.at.t_ns / 1e9
    face = next((face for face in state.faces if face.regions), None)
    names = camera.names if face is None else tuple(region.name for region in face.regions)
    last = camera.columns[-1][0] if camera.columns else t
    if names != camera.names or not last <= t <= last + _GAP_S:
        camera.epoch += 1
        camera.columns.clear()
        camera.marks.clear()
        if names != camera.names:
            camera.names = names
            camera.lanes, camera.order = words.lanes(names)
    column = [round(t, 4)]
    if face is not None and face.phase != "blind":
        motion = [round((region.dx**2 + region.dy**2) ** 0.5, 3) for region in face.regions]
        column += [motion[i] for i in camera.order]
        camera.limits = [round(face.regions[i].threshold, 3) for i in camera.order]
    camera.columns.append(column)
    camera.columns_seen += 1
    while t - camera.columns[0][0] > HISTORY_S:
        camera.columns.popleft()
    while camera.marks and t - camera.marks[0].offset > HISTORY_S:
        camera.marks.popleft()


def _faces(camera: Camera) -> list[SeenFace]:
    """The faces in the state nearest to the frame of the picture."""
    if not camera.states:
        return []
    state = min(camera.states, key=lambda state: abs(state.at.frame - camera.frame))
    return [
        SeenFace(
            face.status,
            face.phase,
            None if face.box is None else tuple(round(v, 1) for v in face.box),  # type: ignore[arg-type]
            [(round(x, 1), round(y, 1)) for x, y in face.landmarks],
            [] if face.crop_to_frame is None else _corners(face.crop_to_frame),
        )
        for face in state.faces
    ]


def _corners(matrix: Sequence[float]) -> list[tuple[float, float]]:
    """The corners of the crop, 140 pixels wide and 170 high, in frame pixels."""
    a, b, c, d, e, f = matrix
    return [
        (round(a * x + b * y + c, 1), round(d * x + e * y + f, 1))
        for x, y in ((0, 0), (140, 0), (140, 170), (0, 170))
    ]
