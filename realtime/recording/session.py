"""``--set record.session=true``: every frame of a run, in a thread of the record process with its own ring reader.

The folder ``session-<time>-<camera>`` has the images, ``frames.csv`` (index, t_ns, file; gaps show in the index) and
``session.json`` (codec, size, counts, settings). It grows during the run, is usable at any moment, and is itself a
source for `apexcam`.
"""

import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import msgspec

from engines.errors import InputError
from realtime import ring
from realtime.config import Config, dump
from realtime.output import write_bytes
from realtime.recording.disk import Disk

# File suffix, parameters of cv2.imencode, and the codec's display name.
CODECS: Final[dict[str, tuple[str, tuple[int, ...], str]]] = {
    "jpeg": (".jpg", (1, 95), "JPEG quality 95, not lossless"),
    "png": (".png", (16, 1), "PNG, lossless"),
    "bmp": (".bmp", (), "BMP, lossless, not compressed"),
}
_FLUSH_S: Final = 0.5


class Session:
    """Records one camera's ring until `finish`, its end or an error, whose line is in ``problem``."""

    def __init__(self, root: Path, camera: str, name: str, settings: Config, disk: Disk) -> None:
        self.frames = self.missed = 0
        self.problem = ""
        self.folder = root / f"session-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{camera}"
        self.camera = camera
        self._settings = settings
        self._disk = disk
        self._stop = threading.Event()
        self.rest: deque[ring.Frame] = deque()  # copied out of a dead ring and not yet written
        self._copies: dict[int, ring.Frame] | None = None
        self._reader = ring.RingReader(name, "newest", timeout_s=2.0)
        number = 1
        with disk.guarded():
            while True:
                try:
                    self.folder.mkdir()
                    break
                except FileExistsError:
                    # Capture restarted within the same second.
                    number += 1
                    self.folder = self.folder.with_name(f"{self.folder.name.split('.')[0]}.{number}")
            self._table = (self.folder / "frames.csv").open("w", encoding="utf-8")
            self._table.write("index,t_ns,file\n")
        self._thread = threading.Thread(target=self._run, name=f"session {camera}")
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still recording."""
        return self._thread.is_alive()

    def finish(self) -> None:
        """Lets it end once it has written what the ring still holds."""
        self._stop.set()

    def detach(self, copies: dict[int, ring.Frame]) -> None:
        """Switches from the ring, whose capture is dead, to ``copies`` of its frames, by index."""
        self._copies = copies

    def close(self) -> None:
        """Ends it and waits for its thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._describe()
            self._record()
        except InputError as error:
            self.problem = str(error)
        finally:
            try:
                with self._disk.guarded():
                    self._table.close()
                self._describe()
            except InputError as error:
                self.problem = self.problem or str(error)
            self._reader.close()

    def _record(self) -> None:
        import cv2
        import numpy as np

        suffix, parameters, _ = CODECS[self._settings.record.session_codec]
        image = np.empty((self._reader.height, self._reader.width, 3), np.uint8)
        flushed = time.monotonic()
        while True:
            item = self._next(image)
            if isinstance(item, ring.Lapped):
                self.missed += item.count
            elif isinstance(item, ring.Frame):
                name = f"{item.index:08d}{suffix}"
                _, data = cv2.imencode(suffix, item.image, parameters)
                self._disk.write(self.folder / name, data.tobytes())
                with self._disk.guarded():
                    self._table.write(f"{item.index},{item.t_ns},{name}\n")
                self.frames += 1
            elif isinstance(item, ring.End) or self._stop.is_set():
                return
            if time.monotonic() - flushed > _FLUSH_S:
                flushed = time.monotonic()
                with self._disk.guarded():
                    self._table.flush()

    def _next(self, image: ring.Image) -> ring.Frame | ring.Lapped | ring.End | None:
        if self._copies is None:
            return self._reader.read(0.1, image)
        if self._reader.is_open:
            behind = self._reader.lag
            self._reader.close()
            copies = [self._copies[index] for index in sorted(self._copies)]
            self.rest.extend(copies[max(0, len(copies) - behind) :])
            if missed := behind - len(self.rest):
                return ring.Lapped(missed)
        return self.rest.popleft() if self.rest else ring.END

    def _describe(self) -> None:
        description: dict[str, Any] = {
            "schema": "apexcam.session/1",
            "camera": self.camera,
            "codec": CODECS[self._settings.record.session_codec][2],
            "width": self._reader.width,
            "height": self._reader.height,
            "frames": self.frames,
            "frames_missing": self.missed,
            "settings": dump(self._settings),
        }
        write_bytes(
            self.folder / "session.json", msgspec.json.format(msgspec.json.encode(description), indent=2)
        )
