"""Frames from one writer to many readers through shared memory; nobody waits, nothing is lost silently.

One segment: a 4096-byte header of native 64-bit integers, then ``slots`` slots of a 64-byte head (sequence,
index, t_ns, host_ns, gap, damaged) and an image. Frame number k, counted from 0, lies in slot k mod slots; its
sequence is 2k+1 while it is written and 2k+2 when whole. A reader checks the sequence before and after its
copy, so that it never hands out a torn frame and knows by how many frames it was lapped. After comma.ai's
msgq.

Memory order: aligned 64-bit stores are single stores on every supported machine; the order between a sequence
and its image is made by ``layout.fence``, which x86 hardly needs (its stores stay in order) and ARM needs in
earnest.
"""

from realtime.ring.frame import END, End, Frame, Image, Lapped, Replaced
from realtime.ring.owners import born, free_name, free_slots, unlink, unlink_of, unlink_stale
from realtime.ring.reader import RingReader
from realtime.ring.segment import segment_name as ring_name
from realtime.ring.writer import RingWriter

__all__ = ["END", "End", "Frame", "Image", "Lapped", "Replaced", "RingReader", "RingWriter"]
__all__ += ["born", "free_name", "free_slots", "ring_name", "unlink", "unlink_of", "unlink_stale"]
