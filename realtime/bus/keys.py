"""``apexcam keys``: the CURVE certificates with which a program publishes off its machine, and who may listen.

A folder: ``server.key_secret`` and, of every client allowed, ``clients/<name>.key`` stay with the program;
``server.key`` and ``<name>.key_secret`` go to the client. Secrets are for their owner's eyes (mode 0600).
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
    """A folder of certificates: what the program reads, what a client is given, who is allowed."""

    path: Path

    @property
    def secret(self) -> Path:
        """The program's own, ``bus.keys``."""
        return self.path / f"{SERVER}.key_secret"

    @property
    def public(self) -> Path:
        """By which clients know the program."""
        return self.path / f"{SERVER}.key"

    @property
    def clients(self) -> Path:
        """The allow-list, ``bus.clients``."""
        return self.path / CLIENTS

    def client(self, name: str) -> Path:
        """The secret of a client, to be moved to its machine."""
        return self.path / f"{name}.key_secret"

    def allowed(self) -> list[str]:
        """Names on the allow-list."""
        return sorted(file.stem for file in self.clients.glob("*.key"))


def default_folder() -> Path:
    """Where keys are kept if nothing is said."""
    import platformdirs

    return platformdirs.user_config_path("apexcam") / "keys"


def make(path: Path, names: list[str]) -> Folder:
    """Makes the program's certificate where there is none, and one for each client named.

    Raises InputError on a bad name, a client that is there already, or a folder that cannot be written.
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
        for made in (path, folder.clients):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not folder.secret.exists():
            _pair(SERVER, folder.public, folder.secret)
        for name in names:
            _pair(name, folder.clients / f"{name}.key", folder.client(name))
    except OSError as error:
        raise InputError(f"{path}: keys cannot be written there: {error.strerror or error}") from None
    return folder


def remove(path: Path, name: str) -> Folder:
    """Takes a client off the allow-list, and its secret away if that is still here. InputError if it is not on it."""
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
    """Public and secret key of a secret certificate. Raises InputError, too, if others may read it."""
    public, secret = _read(file, what)
    if secret is None:
        raise InputError(f"{what} {file}: this is the public half; give the .key_secret file")
    if sys.platform != "win32" and Path(file).stat().st_mode & 0o077:
        raise InputError(f"{what} {file}: others may read this secret; chmod 600 {file}")
    return public, secret


def load_public(file: Path | str, what: str) -> bytes:
    """The public key of a certificate. Raises InputError."""
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
    # In a folder nobody else can enter, so that the secret is never seen with a looser mode.
    with tempfile.TemporaryDirectory(dir=secret.parent, prefix=".") as private:
        made_public, made_secret = map(Path, zmq.auth.create_certificates(private, name))
        made_secret.chmod(0o600)
        made_public.chmod(0o644)
        made_secret.replace(secret)
        made_public.replace(public)
