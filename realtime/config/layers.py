"""The layers of the configuration, files and ``--set``: their values, and where each was given, for error messages."""

from pathlib import Path
from typing import Any, Final, Literal, get_origin

import msgspec
import yaml

from engines.errors import InputError
from realtime.config.settings import Config
from realtime.redaction import HIDDEN, is_secret, shown_setting

_MAX_BYTES: Final = 1 << 20
_MAX_KEYS: Final = 1000  # a few lines of aliases can expand to billions of keys
_NULL: Final = "tag:yaml.org,2002:null"


class File:
    """One YAML file: its values, and the line of each dotted key. Raises InputError if it is unusable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, int] = {}
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                raise InputError(f"{path}: larger than {_MAX_BYTES >> 10} KiB; this is no configuration")
            text = content.decode("utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot read the configuration: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a text file in UTF-8") from None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            tree = {} if node is None else yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{path}:{mark.line + 1}" if mark else str(path)
            raise InputError(f"{place}: not YAML: {getattr(error, 'problem', None) or error}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{path}: not usable YAML: {error}") from None
        if node is not None:
            self._index(node, "")
        if not isinstance(tree, dict):
            raise InputError(f"{path}:1: expected sections such as 'source:', found {type(tree).__name__}")
        self.tree: dict[str, Any] = tree

    def _index(self, node: yaml.Node, prefix: str) -> None:
        if not isinstance(node, yaml.MappingNode) or prefix.count(".") > 8:
            return
        for key, value in node.value:
            dotted = f"{prefix}{key.value}"
            if dotted in self.lines:
                raise InputError(f"{self.path}:{key.start_mark.line + 1}: '{dotted}' is given twice")
            if len(self.lines) >= _MAX_KEYS:
                raise InputError(f"{self.path}: more than {_MAX_KEYS} keys; this is no configuration")
            self.lines[dotted] = key.start_mark.line + 1
            if is_secret(dotted) and isinstance(value, yaml.ScalarNode) and not value.value:
                raise InputError(
                    f"{self.path}:{key.start_mark.line + 1}: '{dotted}' is empty (what follows a # is a comment); "
                    "put quotes around it, or write null for none"
                )
            if is_secret(dotted) and value.tag != _NULL and _is_cut(value):
                raise InputError(
                    f"{self.path}:{key.start_mark.line + 1}: of '{dotted}' YAML takes what follows ' #' for a comment; "
                    "put quotes around the whole of it, or the comment on a line of its own"
                )
            self._index(value, f"{dotted}.")

    def where(self, dotted: str) -> str:
        """``file:line`` of a key, or of the innermost section above it."""
        while dotted:
            if dotted in self.lines:
                return f"{self.path}:{self.lines[dotted]}"
            dotted = dotted.rpartition(".")[0]
        return str(self.path)


def _is_cut(value: yaml.Node) -> bool:
    """Whether a comment follows an unquoted string."""
    plain = isinstance(value, yaml.ScalarNode) and value.style is None
    rest = value.end_mark.buffer[value.end_mark.pointer :].partition("\n")[0] if plain else ""
    return rest.lstrip().startswith("#")


class Setting:
    """The origin of a ``--set``, for error messages."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, dotted: str) -> str:
        """The option as given, with secrets hidden."""
        return f"--set {shown_setting(self.text)}"


def one_setting(text: str) -> dict[str, Any]:
    """The nested values of one ``section.key=value``. Raises InputError if it is not of that form."""
    name, equals, value = text.partition("=")
    parts = name.strip().split(".")
    if not equals or not all(parts):
        raise InputError(
            f"--set {shown_setting(text)}: expected section.key=value, for example --set source.fps=60"
        )
    tree: Any = _leaf(parts, value)
    for part in reversed(parts):
        tree = {part: tree}
    return dict(tree)


def _leaf(parts: list[str], value: str) -> Any:
    """The value of a ``--set``: literal for a string setting, YAML for any other."""
    kind = _kind(parts)
    is_string = kind in (str, str | None)
    if is_string and is_secret(parts[-1]):
        _check_secret(".".join(parts), value)
    elif kind == str | None and value == "null":
        return None
    if is_string or get_origin(kind) is Literal:
        return value
    try:
        return yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        return value


def _check_secret(dotted: str, value: str) -> None:
    """Raises InputError for a secret that is ambiguous: empty, null or quoted."""
    option = f"--set {dotted}={HIDDEN}"
    if value in ("", "null"):
        raise InputError(f"{option}: empty; give a value, or leave the option out if none is wanted")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        raise InputError(f"{option}: the quotes would be part of the value; leave them out")


def _kind(parts: list[str]) -> Any:
    """The type of a setting; None if it is unknown."""
    kind: Any = Config
    for part in parts:
        kind = (fields_of(kind) or {}).get(part)
    return kind


def fields_of(kind: Any) -> dict[str, Any] | None:
    """Field names and types of a section; None for anything that has no fields."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.name: field.type for field in msgspec.structs.fields(kind)}
    return None
