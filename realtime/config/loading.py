"""Merging and checking the layers of the configuration."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from engines.errors import InputError
from engines.files import at_home
from realtime.config.layers import File, Setting, fields_of, one_setting
from realtime.config.settings import Config

PATHS: Final = (
    *("spotting.model", "recognise.model", "recognise.keys", "recognise.server"),
    *("bus.keys", "bus.clients"),
)


def defaults_path() -> Path:
    """The path of the documented defaults: configs/live.yaml of the checkout, or its copy in the installed package.

    Raises InputError if it is missing.
    """
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "configs", here.parent / "configs"):
        if (folder / "live.yaml").is_file():
            return folder / "live.yaml"
    raise InputError("configs/live.yaml is missing from this installation; install apexcam again")


def load(path: Path | str | None = None, settings: Sequence[str] = ()) -> Config:
    """The configuration from the defaults, an optional file (or the name of a preset) and ``a.b=value`` settings.

    Raises InputError naming the file and line, and what was expected.
    """
    layers = [File(defaults_path())]
    if path is not None:
        layers.append(File(_file_or_preset(Path(path))))
    merged: dict[str, Any] = {}
    for layer in layers:
        _check_keys(Config, layer.tree, "", layer.where)
        _resolve_paths(layer.tree, layer.path.parent)
        _merge(merged, layer.tree)
        _convert(merged, layer.where)
    for setting in settings:
        tree = one_setting(setting)
        where = Setting(setting)
        _check_keys(Config, tree, "", where)
        _resolve_paths(tree, Path())
        _merge(merged, tree)
        _convert(merged, where)
    config = _convert(merged, layers[-1].where)
    try:
        msgspec.json.encode(config)  # the report does so at the end of the run
    except UnicodeEncodeError:
        raise InputError("a setting holds bytes that are not UTF-8; rename what it names") from None
    return config


def _file_or_preset(path: Path) -> Path:
    """The file, or the shipped preset of that name."""
    preset = defaults_path().parent / path.name
    return preset if path.name == str(path) and not path.exists() and preset.is_file() else path


def dump(config: Config) -> dict[str, Any]:
    """The configuration as plain values, without secrets, for reports and recordings."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    if plain["dashboard"].get("token"):
        plain["dashboard"]["token"] = "(set)"
    return plain


def _check_keys(kind: Any, tree: Any, prefix: str, where: Any) -> None:
    known = fields_of(kind)
    if known is None or not isinstance(tree, dict):
        return
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f" (did you mean '{prefix}{close[0]}'?)" if close else ""
            raise InputError(f"{where(dotted)}: unknown key '{dotted}'{hint}; known: {', '.join(known)}")
        if fields_of(known[key]) is not None and not isinstance(value, dict):
            raise InputError(
                f"{where(dotted)}: '{dotted}' is a section; give {dotted}.<key>, known: {_names(known[key])}"
            )
        _check_keys(known[key], value, f"{dotted}.", where)


def _resolve_paths(tree: dict[str, Any], folder: Path) -> None:
    """Resolves the paths in ``tree`` against ``folder``. Raises InputError for ``~`` without a home directory."""
    for dotted in PATHS:
        section, _, name = dotted.partition(".")
        inside = tree.get(section)
        if isinstance(inside, dict) and isinstance(path := inside.get(name), str):
            inside[name] = str(folder / at_home(path))


def _names(kind: Any) -> str:
    return ", ".join(fields_of(kind) or ())


def _merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _convert(tree: dict[str, Any], where: Any) -> Config:
    try:
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        dotted = place.rstrip("`").split("[")[0].lstrip(".")
        subject = f"'{dotted}': " if dotted else ""
        hint = ""
        if "str" in text.partition("got")[0] and re.search(r"got `(int|float|bool|date)", text):
            hint = "; put quotes around a text that looks like a number or a date"
        raise InputError(f"{where(dotted)}: {subject}{text[:1].lower()}{text[1:]}{hint}") from None
