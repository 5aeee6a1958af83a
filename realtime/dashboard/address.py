"""Where the page is served: loopback, or elsewhere with a token; one line says why not."""

import errno
import ipaddress
import os
import socket
import sys
import webbrowser
from typing import Final

from engines.errors import InputError
from realtime.config import Dashboard
from realtime.loopback import is_loopback_host

LEAST_TOKEN: Final = 8


def check(settings: Dashboard) -> None:
    """Raises InputError where `bind` would, without staying bound."""
    bind(settings).close()


def bind(settings: Dashboard) -> socket.socket:
    """The listening socket. Raises InputError off loopback without a token, and where it cannot listen."""
    host, port = settings.host, settings.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise InputError(f"dashboard.host {host}: no such address; give 127.0.0.1") from None
    if not is_loopback_host(str(address[0])):
        if not settings.token:
            raise InputError(
                f"dashboard.host {host}: reachable from other machines; set dashboard.token, or give 127.0.0.1"
            )
        if len(settings.token) < LEAST_TOKEN:
            raise InputError(f"dashboard.token: needs at least {LEAST_TOKEN} characters off loopback")
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A restarted dashboard must not wait for the old one's closed connections to time out.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        listener.bind(address)
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise InputError(_why_not(host, port, error)) from None
    listener.setblocking(False)
    return listener


def url(listener: socket.socket, host: str) -> str:
    """The address to type into a browser."""
    bound, port = listener.getsockname()[:2]
    shown = bound if is_loopback_host(bound) else host
    if ipaddress.ip_address(bound.partition("%")[0]).is_unspecified:
        shown = socket.gethostname()
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


def open_browser(page: str) -> bool:
    """Opens the page where somebody sits before a screen: a terminal and a display. False where nobody does."""
    if not _somebody_there():
        return False
    try:
        return webbrowser.open(page)
    except (OSError, webbrowser.Error):
        return False


def _somebody_there() -> bool:
    if sys.platform == "win32":
        return True
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"dashboard.port {port}: in use by another program; stop it, or give --set dashboard.port=0 for any "
            "free one, or --no-dashboard"
        )
    if error.errno == errno.EACCES:
        return f"dashboard.port {port}: not allowed for this user; give one above 1023"
    return f"dashboard.host {host}: cannot listen there: {error.strerror or error}; give 127.0.0.1"
