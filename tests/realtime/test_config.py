import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from engines.errors import InputError
from realtime import config
from realtime.config import loading

sys.path.insert(0, str(Path(__file__).parent))
from config_keys import every_key


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_documented_defaults_are_the_defaults() -> None:
    assert config.load() == config.Config()


def test_every_key_is_documented_with_its_default() -> None:
    text = config.defaults_path().read_text(encoding="utf-8")
    tree = yaml.safe_load(text)
    for dotted in every_key():
        node = tree
        for part in dotted.split("."):
            assert part in node, f"configs/live.yaml does not show {dotted}"
            node = node[part]


def test_a_file_changes_only_what_it_names_and_set_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "source:\n  fps: 60\nrecognise:\n  abstain_below: 0.7\n")
    loaded = config.load(path, ["source.fps=30", "record.kinds=[micro]", "bus.keys=null"])
    assert loaded.source.fps == 30
    assert loaded.source.width == 640
    assert loaded.recognise.abstain_below == 0.7
    assert loaded.record.kinds == ["micro"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("source:\n  fps: 60\n\nspoting:\n  foo: 1\n", 4, "unknown key 'spoting' (did you mean 'spotting'?)"),
        ("source:\n  fps: 60\n  frames: 3\n", 3, "unknown key 'source.frames'"),
        ("source:\n  width: 640\n  fps: fast\n", 3, "'source.fps': expected `float`, got `str`"),
        ("bus:\n  queue: 0\n", 2, "'bus.queue'"),
        ("record:\n  kinds:\n  - micro\n  - laugh\n", 2, "'record.kinds'"),
        ("source:\n  fps: 1\nsource:\n  fps: 2\n", 3, "given twice"),
        ("source: 12\n", 1, "'source' is a section"),
        ("source:\n  fps: [1\n", 3, "not YAML"),
        ("- a\n- b\n", 1, "expected sections"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        config.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: "), message
    assert said in message
    assert "\n" not in message


def test_an_unknown_key_lists_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known: fps, width, height"):
        config.load(write(tmp_path, "source:\n  colour: red\n"))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("source.fps", "expected section.key=value"),
        ("source.speed=3", "unknown key 'source.speed'"),
        ("source.fps=quick", "'source.fps': expected `float`"),
        ("faces.max=0", "faces"),
        ("=3", "expected section.key=value"),
        ("source=3", "is a section"),
    ],
)
def test_a_bad_setting_says_which(setting: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        config.load(None, [setting])
    assert f"--set {setting}" in str(caught.value)
    assert said in str(caught.value)


def test_unreadable_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        config.load(tmp_path / "nowhere.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a text file"):
        config.load(binary)


@pytest.mark.parametrize(
    "text",
    [
        "12345678",
        "012345670",
        "0x1234567",
        "yes",
        "2024-01-01",
        "#abcdefgh",
        "geheimnis #42",
        "~",
        "{a: b}",
        "a=b",
    ],
)
@pytest.mark.parametrize("key", ["dashboard.token", "recognise.preset", "bus.endpoint"])
def test_what_is_set_of_a_text_is_that_text(key: str, text: str) -> None:
    section, name = key.split(".")
    assert getattr(getattr(config.load(None, [f"{key}={text}"]), section), name) == text


def test_a_path_may_begin_at_home_and_in_a_file_is_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "cfg" / "c.yaml"
    file.parent.mkdir()
    file.write_text("recognise: {model: my.onnx, keys: /k, server: ~/s}\nbus: {keys: ../b}\n")
    made = config.load(file, ["spotting.model=~/net.onnx", "bus.clients=here", "dashboard.token=~/secret"])
    assert made.recognise.model == str(tmp_path / "cfg" / "my.onnx")
    assert made.recognise.keys == "/k"
    assert made.recognise.server == str(tmp_path / "s")
    assert Path(made.bus.keys or "").resolve() == tmp_path / "b"
    assert made.spotting.model == str(tmp_path / "net.onnx")
    assert made.bus.clients == "here"
    assert made.dashboard.token == "~/secret"


def test_every_setting_that_is_a_path_is_known_as_one() -> None:
    named = {key for key in every_key() if key.endswith((".model", ".keys", ".clients", ".server"))}
    assert named == set(loading.PATHS)


def test_bytes_that_are_no_text_are_one_line() -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        config.load(None, ["recognise.model=net-\udce4.onnx"])


def test_a_token_that_yaml_would_cut_is_refused_and_one_in_quotes_taken(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("dashboard:\n  token: abcdefgh #42\n")
    with pytest.raises(InputError, match="comment") as caught:
        config.load(file)
    assert "abcdefgh" not in str(caught.value)
    for text, token in (
        ("'abcdefgh #42'", "abcdefgh #42"),
        ("abcdefgh#42", "abcdefgh#42"),
        ("null # none", None),
    ):
        file.write_text(f"dashboard:\n  token: {text}\n")
        assert config.load(file).dashboard.token == token


def test_null_is_no_text_where_there_may_be_none() -> None:
    assert config.load(None, ["recognise.model=x", "recognise.model=null"]).recognise.model is None
    assert config.load(None, ["bus.endpoint=null"]).bus.endpoint == "null"


@pytest.mark.parametrize(
    "setting",
    [
        "dashboard.token=null",
        "dashboard.token=",
        "dashboard.token='S3cret'",
        'dashboard.token="S3cret"',
        "dashboard.token S3cret",
        "dashboard.token.x=S3cret",
        "dashboard.tokne=S3cret",
        "dashboard={token: S3cret, x: 1}",
        "token=S3cret",
    ],
)
def test_a_secret_is_never_switched_off_or_repeated(setting: str) -> None:
    with pytest.raises(InputError) as caught:
        config.load(None, [setting])
    assert "S3cret" not in str(caught.value)


@pytest.mark.parametrize("value", ["#abcdefgh", "", "''"])
def test_a_secret_that_a_file_leaves_empty_is_refused(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f"dashboard:\n  token: {value}\n")
    with pytest.raises(InputError, match=r"mine\.yaml:2: 'dashboard\.token' is empty"):
        config.load(path)
    assert config.load(write(tmp_path, "dashboard:\n  token: null  # none\n")).dashboard.token is None


def test_a_number_where_a_file_wants_a_text_is_told_to_be_quoted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="put quotes around a text") as caught:
        config.load(write(tmp_path, "dashboard:\n  token: 12345678\n"))
    assert "12345678" not in str(caught.value)


def test_a_report_never_shows_the_token() -> None:
    loaded = config.load(None, ["dashboard.token=hunter2"])
    assert loaded.dashboard.token == "hunter2"
    assert "hunter2" not in msgspec.json.encode(config.dump(loaded)).decode()


def test_a_preset_is_found_by_its_name_unless_a_file_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load("live-gpu.yaml").recognise.precision == "fp16"
    assert config.load("live-gpu.yaml").source == config.load().source
    (tmp_path / "live-gpu.yaml").write_text("recognise: {precision: fp32}")
    assert config.load("live-gpu.yaml").recognise.precision == "fp32"
    with pytest.raises(InputError, match=r"no/live-gpu\.yaml: cannot read"):
        config.load("no/live-gpu.yaml")
    with pytest.raises(InputError, match=r"'recognise\.precision': "):
        config.load(None, ["recognise.precision=int8"])
