"""Video files and streams, decoded by FFmpeg through PyAV: every frame, its true time, and what is wrong with it."""

from engines.video.film import Film, Picture
from engines.video.opening import open_file, open_url

__all__ = ["Film", "Picture", "open_file", "open_url"]
