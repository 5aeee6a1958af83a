"""The viewer's preferences, kept in a cookie of the browser as JSON; an invalid cookie is ignored."""

from typing import Annotated, Final
from urllib.parse import quote, unquote

import msgspec

COOKIE: Final = "apexcam_view"
Word = Annotated[str, msgspec.Meta(max_length=40)]


class Preferences(msgspec.Struct, omit_defaults=True):
    """The preferences: ``dark`` None follows the system, ``names`` renames classes, ``freeze`` pauses at an event."""

    camera: Word = ""
    dark: bool | None = None
    freeze: bool = False
    landmarks: bool = True
    names: dict[Word, Word] = {}


def read(cookie: str | None) -> Preferences:
    """The preferences in a cookie's value; the defaults if it is missing or invalid."""
    try:
        return msgspec.json.decode(unquote(cookie or ""), type=Preferences)
    except (msgspec.MsgspecError, UnicodeError):
        return Preferences()


def script(preferences: Preferences) -> str:
    """JavaScript that stores the preferences for a year."""
    value = quote(msgspec.json.encode(preferences), safe="")
    return f'document.cookie = "{COOKIE}={value}; path=/; max-age=31536000; samesite=strict"'
