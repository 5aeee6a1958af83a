"""Redaction: sources and settings without the secrets in them.

Cameras take their password in the address, wherever the manufacturer chose: before the host, in the path
(``/user=admin&password=…``), in the query (``?pwd=…``). Whatever is not known to be harmless counts as secret.
"""

import difflib
import re
import sys
from typing import Final

HIDDEN: Final = "***"
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{1,2})(.*)", re.DOTALL)
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^:\[\]]*)(:\d*)?")
_HARMLESS: Final = re.compile(
    r"(channel|ch|subtype|stream|streamtype|profile|camera|cam|resolution|width|height|fps|framerate|codec|video|audio)"
    r"=[A-Za-z0-9_.x-]{0,12}",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,24}")
# A part of a path is shown if it is a file name or made of common words for streams: with some manufacturers the
# whole path is secret, and some users' password is the name of their stream.
_FILES: Final = (
    "mp4 m4v mkv mov avi webm wmv mpg mpeg ts m2ts flv 3gp ogv m3u8 mpd sdp mjpg mjpeg jpg jpeg png cgi "
    "asp aspx php htm html"
)
_STREAMS: Final = (
    "live streams streaming stream channels channel ch cameras camera cams cam videos video media main "
    "sub hevc mp4 h264 h265 mpeg mjpeg mjpg preview realmonitor axis onvif profile play unicast multicast "
    "av cgi bin images image snapshot snap feed raw ipcam webcam rtsp user trackid track front back left "
    "right door gate room lab desk office hall high low medium hd sd clips clip films film files file"
)
_PART: Final = re.compile(
    rf"[A-Za-z]?|[\w ~%.-]{{1,80}}\.({_FILES.replace(' ', '|')})"
    rf"|(?!.*[0-9]{{5}})({'|'.join(sorted(_STREAMS.split(), key=len, reverse=True))}|[0-9_.-])++",
    re.IGNORECASE,
)
_INSIDE: Final = re.compile(r"(token|password|secret)\s*[:=]", re.IGNORECASE)
_SECRET: Final = re.compile(r"tok|pass|pwd|secret|auth|key", re.IGNORECASE)


def shown(source: str) -> str:
    """A source as it may be displayed: scheme, host, path and harmless parameters of a URL; anything else in full."""
    found = _URL.fullmatch(source)
    if found is None or _DRIVE.match(source):
        # A URL without its scheme still has its password before the host.
        user, at, rest = source.rpartition("@")
        schemeless = at and ":" in user and not _DRIVE.match(source)
        return f"{HIDDEN}@{_address(rest)}" if schemeless else source
    scheme, rest = found.groups()
    return scheme + _address(rest.rpartition("@")[2])


def shown_setting(text: str) -> str:
    """A ``--set`` as it may be displayed: without its value if its name is that of a secret, perhaps misspelt."""
    name = re.split(r"[^\w.-]", text, maxsplit=1)[0]
    value = text[len(name) :]
    return f"{name}={HIDDEN}" if value and (is_secret(name) or _INSIDE.search(value)) else text


def is_secret(name: str) -> bool:
    """Whether a setting of this name, perhaps misspelt, holds a secret; settings of key files hold only a path."""
    secrets = ("token", "password", "secret")
    return any(difflib.get_close_matches(part, secrets, cutoff=0.75) for part in name.lower().split("."))


def hide_arguments() -> None:
    """Hides secrets in the process list, where every account of the machine can read a program's arguments."""
    arguments = sys.orig_argv
    masked = [shown(shown_setting(each)) for each in arguments]
    if masked != arguments:
        import setproctitle

        setproctitle.setproctitle(" ".join(masked))


def _address(text: str) -> str:
    cut = re.search(r"[/?#]", text)
    host, rest = (text, "") if cut is None else (text[: cut.start()], text[cut.start() :])
    if not _HOST.fullmatch(host):
        # No port number: the password of an address without its @.
        host = f"{host.partition(':')[0]}:{HIDDEN}"
    special = re.search(r"[?#=]", rest)
    if special is None:
        return host + _path(rest)
    end = rest.rfind("/", 0, special.start()) + 1 if special[0] == "=" else special.start()
    mark = "" if special[0] == "=" else special[0]
    return (
        host + _path(rest[:end]) + mark + "&".join(map(_parameter, re.split("[&;]", rest[end + len(mark) :])))
    )


def _path(text: str) -> str:
    masked: list[str] = []
    previous = ""
    for part in text.split("/"):
        name, colon, _ = part.partition(":")
        harmless = _PART.fullmatch(name) and not _SECRET.search(previous)
        masked.append(HIDDEN if not harmless else f"{name}:{HIDDEN}" if colon else part)
        previous = part
    return "/".join(masked)


def _parameter(text: str) -> str:
    if not text or _HARMLESS.fullmatch(text):
        return text
    name, equals, _ = text.partition("=")
    return f"{name}={HIDDEN}" if equals and _NAME.fullmatch(name) else HIDDEN
