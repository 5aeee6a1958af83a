"""Pictures on the bus: the newest frame as JPEG, while there are subscribers to it, and the pictures of events."""

from typing import Any

from engines.errors import InputError
from realtime import messages, ring
from realtime.bus.publisher import Bus

_WIDTH = 640
_QUALITY = 75


class Previewer:
    """Makes previews from the newest frame in each camera's ring, ``hz`` times a second at most."""

    def __init__(self, hz: float) -> None:
        self._every_s = 1.0 / hz
        self._names: dict[str, str] = {}
        self._readers: dict[str, ring.RingReader] = {}
        self._due: dict[str, float] = {}
        self._sent: dict[str, int] = {}

    def attach(self, camera: str, name: str) -> None:
        """Takes a camera's frames from this ring from now on; it is opened at the first preview."""
        self._names[camera] = name
        self._sent.pop(camera, None)
        if camera in self._readers:
            self._readers.pop(camera).close()

    def detach(self, camera: str) -> None:
        """Releases a camera's ring: the one that replaces it may need the memory."""
        self._names.pop(camera, None)
        if camera in self._readers:
            self._readers.pop(camera).close()

    def publish_if_due(self, bus: Bus, camera: str, now: float) -> None:
        """Publishes a preview if one is due, has subscribers, and there is a new frame."""
        if now < self._due.get(camera, 0.0) or not bus.wanted(camera, "preview"):
            return
        self._due[camera] = now + self._every_s
        frame = self._latest(camera)
        if frame is not None and self._sent.get(camera) != frame.index:
            self._sent[camera] = frame.index
            bus.publish(
                messages.Preview(
                    camera=camera,
                    at=messages.Moment(frame.index, frame.t_ns),
                    jpeg=_jpeg(frame.image),
                    width=frame.image.shape[1],
                    height=frame.image.shape[0],
                )
            )

    def of_event(self, bus: Bus, event: messages.Event, pictures: dict[str, bytes]) -> messages.Preview:
        """The pictures of an event, with the newest frame if previews have subscribers."""
        frame = self._latest(event.camera) if bus.wanted(event.camera, "preview") else None
        return messages.Preview(
            camera=event.camera,
            at=event.apex,
            jpeg=b"" if frame is None else _jpeg(frame.image),
            event_id=event.event_id,
            pictures=pictures,
        )

    def _latest(self, camera: str) -> ring.Frame | None:
        if camera not in self._names:
            return None
        try:
            if camera not in self._readers:
                self._readers[camera] = ring.RingReader(self._names[camera], "newest")
            return self._readers[camera].latest()
        except InputError:
            # Capture is restarting, or its ring is damaged, which the watch process reports.
            return None

    def close(self) -> None:
        """Releases the rings."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()


def _jpeg(image: Any) -> bytes:
    import cv2

    height, width = image.shape[:2]
    if width > _WIDTH:
        image = cv2.resize(image, (_WIDTH, round(height * _WIDTH / width)), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
