"""What a process counts since it began, sent with every heartbeat, and how it adds up over restarts."""

from typing import Self

import msgspec


class CaptureCounts(msgspec.Struct, tag=True):
    """Frames written into the ring, frames the driver lost, host time of the first and the newest, the newest index."""

    captured: int = 0
    lost_driver: int = 0
    first_ns: int = 0
    last_ns: int = 0
    last_index: int = -1

    def after(self, before: Self) -> "CaptureCounts":
        """Of both, the earlier process first."""
        return CaptureCounts(
            captured=before.captured + self.captured,
            lost_driver=before.lost_driver + self.lost_driver,
            first_ns=before.first_ns or self.first_ns,
            last_ns=self.last_ns or before.last_ns,
            last_index=max(before.last_index, self.last_index),
        )


class WatchCounts(msgspec.Struct, tag=True):
    """Frames watched and frames skipped, where in which ring (its `wire.Attach.serial`), refusals by reason."""

    processed: int = 0
    lost_ring: int = 0
    position: int = 0
    serial: int = 0
    refused: dict[str, int] = {}

    def after(self, before: Self) -> "WatchCounts":
        """Of both, the earlier process first."""
        reasons = {*before.refused, *self.refused}
        return WatchCounts(
            processed=before.processed + self.processed,
            lost_ring=before.lost_ring + self.lost_ring,
            position=self.position,
            serial=self.serial,
            refused={why: before.refused.get(why, 0) + self.refused.get(why, 0) for why in reasons},
        )


class RecogniseCounts(msgspec.Struct, tag=True):
    """Candidates answered."""

    recognised: int = 0

    def after(self, before: Self) -> "RecogniseCounts":
        """Of both, the earlier process first."""
        return RecogniseCounts(before.recognised + self.recognised)


class RecordCounts(msgspec.Struct, tag=True):
    """Events recorded and skipped, frames and bytes written, frames that came too late; of the session likewise."""

    recorded: int = 0
    skipped: int = 0
    frames: int = 0
    frames_missing: int = 0
    bytes: int = 0
    session_frames: int = 0
    session_missing: int = 0

    def after(self, before: Self) -> "RecordCounts":
        """Of both, the earlier process first."""
        return RecordCounts(*(getattr(before, name) + getattr(self, name) for name in self.__struct_fields__))


Counts = CaptureCounts | WatchCounts | RecogniseCounts | RecordCounts
