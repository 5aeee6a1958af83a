"""What a viewer chose, kept in the viewer's browser: one cookie, JSON; anything odd in it is ignored."""

from typing import Annotated, Final
from urllib.parse import quote, unquote

import msgspec

COOKIE: Final = "apexcam_view"
Word = Annotated[str, msgspec.Meta(max_length=40)]


class Preferences(msgspec.Struct, omit_defaults=True):
    """``dark`` None follows the system; ``names`` shows classes by other names; ``freeze`` stops at an event."""

    camera: Word = ""
    dark: bool | None = None
    freeze: bool = False
    landmarks: bool = True
    names: dict[Word, Word] = {}


def read(cookie: str | None) -> Preferences:
    """From the cookie's value; the defaults where there is none or it is not ours."""
    try:
        return msgspec.json.decode(unquote(cookie or ""), type=Preferences)
    except (msgspec.MsgspecError, UnicodeError):
        return Preferences()


def script(preferences: Preferences) -> str:
    """JavaScript that keeps them for a year."""
    value = quote(msgspec.json.encode(preferences), safe="")
    return f'document.cookie = "{COOKIE}={value}; path=/; max-age=31536000; samesite=strict"'
