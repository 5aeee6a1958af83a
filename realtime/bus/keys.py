"""``apexcam keys``: CURVE certificates for publishing beyond this machine, and the list of clients allowed.

In a folder of certificates, ``server.key_secret`` and ``clients/<name>.key`` of every client stay with the program;
``server.key`` and ``<name>.key_secret`` go to the client. Only their owner can read secrets (mode 0600).
"""

import re
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zmq
import zmq.auth
from zmq.utils import z85

from engines.errors import InputError

SERVER: Final = "server"
CLIENTS: Final = "clients"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Folder:
    """A folder of certificates."""

    path: Path

    @property
    def secret(self) -> Path:
        """The program's secret certificate, ``bus.keys``."""
        return self.path / f"{SERVER}.key_secret"

    @property
    def public(self) -> Path:
        """The program's public certificate, by which clients recognise it."""
        return self.path / f"{SERVER}.key"

    @property
    def clients(self) -> Path:
        """The allow-list: a folder of public certificates, ``bus.clients``."""
        return self.path / CLIENTS

    def client(self, name: str) -> Path:
        """The secret certificate of a client, to be moved to its machine."""
        return self.path / f"{name}.key_secret"

    def allowed(self) -> list[str]:
        """The names on the allow-list."""
        return sorted(file.stem for file in self.clients.glob("*.key"))


def default_folder() -> Path:
    """The default folder of certificates."""
    import platformdirs

    return platformdirs.user_config_path("apexcam") / "keys"


def make(path: Path, names: list[str]) -> Folder:
    """Creates the program's certificate if it does not exist, and one for each client in ``names``.

    Raises InputError for a bad name, a client that exists already, or a folder that cannot be written.
    """
    folder = Folder(path)
    for name in names:
        _check(name)
        if (folder.clients / f"{name}.key").exists() or folder.client(name).exists():
            raise InputError(
                f"{path}: client {name} has a key; remove it first (--remove {name}) or choose another name"
            )
    if folder.secret.exists() != folder.public.exists():
        raise InputError(f"{path}: one half of the server's key is missing; restore it or give another --dir")
    try:
        for directory in (path, folder.clients):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not folder.secret.exists():
            _pair(SERVER, folder.public, folder.secret)
        for name in names:
            _pair(name, folder.clients / f"{name}.key", folder.client(name))
    except OSError as error:
        raise InputError(f"{path}: keys cannot be written there: {error.strerror or error}") from None
    return folder


def remove(path: Path, name: str) -> Folder:
    """Removes a client from the allow-list, and its secret if that is still here. Raises InputError if unknown."""
    _check(name)
    folder = Folder(path)
    try:
        (folder.clients / f"{name}.key").unlink()
        folder.client(name).unlink(missing_ok=True)
    except FileNotFoundError:
        known = ", ".join(folder.allowed()) or "nobody"
        raise InputError(f"{folder.clients}: no client {name}; allowed: {known}") from None
    except OSError as error:
        raise InputError(f"{folder.clients}: {name} cannot be removed: {error.strerror or error}") from None
    return folder


def load_secret(file: Path | str, what: str) -> tuple[bytes, bytes]:
    """The public and secret key of a certificate. Raises InputError if unusable, or readable by other users."""
    public, secret = _read(file, what)
    if secret is None:
        raise InputError(f"{what} {file}: this is the public half; give the .key_secret file")
    if sys.platform != "win32" and Path(file).stat().st_mode & 0o077:
        raise InputError(f"{what} {file}: others may read this secret; chmod 600 {file}")
    return public, secret


def load_public(file: Path | str, what: str) -> bytes:
    """The public key of a certificate. Raises InputError if it is unusable."""
    return _read(file, what)[0]


def _read(file: Path | str, what: str) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(file)
        for key in (public, secret):
            if key is not None and len(z85.decode(key)) != 32:
                raise ValueError("a key of another length")
    except (OSError, ValueError, LookupError, struct.error) as error:
        raise InputError(f"{what} {file}: not a CURVE certificate: {error}; see apexcam keys") from None
    return public, secret


def _check(name: str) -> None:
    if name == SERVER or not _NAME.fullmatch(name):
        raise InputError(f"client name {name!r}: give letters, digits, - and _, and not {SERVER!r}")


def _pair(name: str, public: Path, secret: Path) -> None:
    # Created in a folder that nobody else can enter, so that the secret is never readable, not even for a moment.
    with tempfile.TemporaryDirectory(dir=secret.parent, prefix=".") as private:
        new_public, new_secret = map(Path, zmq.auth.create_certificates(private, name))
        new_secret.chmod(0o600)
        new_public.chmod(0o644)
        new_secret.replace(secret)
        new_public.replace(public)
