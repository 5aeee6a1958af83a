"""A ring of frames in shared memory: one writer, many readers; nobody waits, and nothing is lost silently.

One segment has a 4096-byte header of native 64-bit integers, then ``slots`` slots, each a 64-byte head (sequence,
index, t_ns, host_ns, gap, damaged) and an image. Frame number k, counted from 0, is in slot k mod slots; its sequence
is 2k+1 while it is being written and 2k+2 when complete. A reader checks the sequence before and after copying, so
that it never returns a torn frame and knows by how many frames it was lapped. After comma.ai's msgq.

Memory order: aligned 64-bit stores are atomic on every supported machine. ``layout.fence`` orders a sequence and its
image, which ARM requires and x86, whose stores stay in order, hardly needs.
"""

from realtime.ring.frame import END, End, Frame, Image, Lapped, Replaced
from realtime.ring.owners import born, free_name, free_slots, unlink, unlink_of, unlink_stale
from realtime.ring.reader import RingReader
from realtime.ring.segment import segment_name as ring_name
from realtime.ring.writer import RingWriter

__all__ = ["END", "End", "Frame", "Image", "Lapped", "Replaced", "RingReader", "RingWriter"]
__all__ += ["born", "free_name", "free_slots", "ring_name", "unlink", "unlink_of", "unlink_stale"]
