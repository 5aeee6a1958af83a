"""The address of the page: on loopback, or elsewhere with a token."""

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

MIN_TOKEN_LENGTH: Final = 8


def check(settings: Dashboard) -> None:
    """Raises InputError if `bind` would; does not stay bound."""
    bind(settings).close()


def bind(settings: Dashboard) -> socket.socket:
    """The listening socket. Raises InputError if it cannot listen there, or is off loopback without a token."""
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
        if len(settings.token) < MIN_TOKEN_LENGTH:
            raise InputError(f"dashboard.token: needs at least {MIN_TOKEN_LENGTH} characters off loopback")
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A restarted dashboard must not wait until closed connections of the old one time out.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        listener.bind(address)
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise InputError(_bind_error(host, port, error)) from None
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
    """Opens the page in a browser if there are a terminal and a display. Returns whether it did."""
    if not _is_interactive():
        return False
    try:
        return webbrowser.open(page)
    except (OSError, webbrowser.Error):
        return False


def _is_interactive() -> bool:
    if sys.platform == "win32":
        return True
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _bind_error(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"dashboard.port {port}: in use by another program; stop it, or give --set dashboard.port=0 for any "
            "free one, or --no-dashboard"
        )
    if error.errno == errno.EACCES:
        return f"dashboard.port {port}: not allowed for this user; give one above 1023"
    return f"dashboard.host {host}: cannot listen there: {error.strerror or error}; give 127.0.0.1"
