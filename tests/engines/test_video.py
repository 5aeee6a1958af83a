"""Videos as the world makes them: which frames, when, turned how, and what is said of those that are not whole."""

import socket
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made_films import CONTAINERS, Made, copied, cut, flipped, make, picture

from engines.errors import InputError
from engines.video import Film, Picture, open_file, open_url
from engines.video.clock import Clock
from engines.video.orientation import turned
from engines.video.rates import measured, settled
from engines.video.whole import cut_off

EVERY = [(codec, container) for container, codecs in CONTAINERS.items() for codec in codecs]


def watched(path: Path, rate: float | None = None) -> tuple[Film, list[Picture]]:
    film = open_file(path, rate=rate)
    pictures = []
    while (one := film.read()) is not None:
        pictures.append(one)
    film.close()
    return film, pictures


def times_ms(pictures: list[Picture]) -> list[int]:
    return [round(one.t_ns / 1e6) for one in pictures]


def numbers(pictures: list[Picture]) -> list[int]:
    return [round((float(one.image[20:30].mean()) - 24) / 7) for one in pictures]


@pytest.mark.parametrize(("codec", "container"), EVERY)
def test_every_frame_of_a_whole_film_in_order_at_its_time(codec: str, container: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"film.{container}", Made(codec, frames=20))
    film, pictures = watched(path)
    assert numbers(pictures) == list(range(20))
    assert times_ms(pictures) == [round(i * 1000 / 30) for i in range(20)]
    assert (film.facts.fps, film.problem, film.facts.advice) == (30, "", "")
    assert film.frames in (None, 20)
    assert not any(one.damaged or one.lost for one in pictures)
    assert not cut_off(path)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_film_that_was_trimmed_without_coding_it_again_is_whole(container: str, tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4", Made(frames=60, group=60))
    film, pictures = watched(copied(whole, tmp_path / f"trim.{container}", start_s=0.5))
    assert film.problem == ""
    assert (pictures[-1].image == watched(whole)[1][-1].image).all()
    # An edit list leaves out what lies before; Matroska has none.
    assert len(pictures) == (45 if container == "mp4" else 60)


@pytest.mark.parametrize("container", ["mkv", "webm", "mp4", "mov", "avi"])
def test_sound_that_outlasts_the_picture_is_no_damage(container: str, tmp_path: Path) -> None:
    codec = CONTAINERS[container][0]
    film, pictures = watched(make(tmp_path / f"film.{container}", Made(codec, sound_s=3)))
    assert (len(pictures), film.problem) == (30, "")


@pytest.mark.parametrize("container", ["mp4", "mkv", "webm", "avi", "flv", "ts", "wmv"])
def test_a_film_that_was_cut_off_says_so_and_gives_the_rest(container: str, tmp_path: Path) -> None:
    options = (("movflags", "faststart"),) if container == "mp4" else ()
    path = tmp_path / f"film.{container}"
    make(path, Made(CONTAINERS[container][0], frames=60, muxing=options))
    film, pictures = watched(cut(path, 0.6))
    assert 20 < len(pictures) < 60
    assert numbers(pictures)[:20] == list(range(20))
    of = "of 60 promised " if container in ("mp4", "mkv", "webm", "avi", "flv") else ""
    assert f"truncated or damaged: {len(pictures)} {of}frames could be read" in film.problem


def test_a_film_cut_before_its_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"film\.mp4: cut off before its index"):
        open_file(cut(make(tmp_path / "film.mp4", Made()), 0.6))


@pytest.mark.parametrize(
    ("codec", "container"),
    [("libx264", "mp4"), ("mpeg2video", "ts"), ("ffv1", "mkv"), ("prores", "mov"), ("flv1", "flv")],
)
def test_damage_in_the_middle_is_counted_and_lasts_until_the_next_key_frame(
    codec: str, container: str, tmp_path: Path
) -> None:
    path = make(tmp_path / f"film.{container}", Made(codec, frames=60, size=(128, 96), group=10))
    _, whole = watched(path)
    told_of = 0
    for shift in range(12):
        broken = tmp_path / f"broken.{container}"
        broken.write_bytes(path.read_bytes())
        film, pictures = watched(flipped(broken, [0.4 + shift / 30]))
        right = {one.t_ns: one.image for one in whole}
        # A decoder of several threads may be a level or two off in the key frame after damage.
        wrong = {one.t_ns for one in pictures if np.abs(one.image.astype(int) - right[one.t_ns]).max() > 8}
        told = {one.t_ns for one in pictures if one.damaged}
        assert film.damaged == len(told)
        assert bool(film.problem) == bool(told)
        if not told:
            continue  # a byte may hit what nobody looks at, or what no decoder can know
        told_of += 1
        assert wrong <= told
        assert not pictures[0].damaged
        assert len(pictures) + film.lost == 60
        left_out = film.damaged + film.lost
        assert "damaged at" in film.problem
        assert f"{left_out} frame{'s were' if left_out > 1 else ' was'} left out" in film.problem
        assert left_out < 30
    assert told_of > 1


def test_a_stream_that_begins_between_key_frames_is_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "film.ts", Made("mpeg2video", frames=60))
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 4 // 188 * 188 :])
    film, pictures = watched(path)
    assert 30 < len(pictures) < 60
    assert film.problem == ""


def test_a_frame_size_that_changes_ends_the_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mjpeg"
    sizes = [(64, 48)] * 4 + [(128, 48)] * 4
    path.write_bytes(
        b"".join(cv2.imencode(".jpg", picture(i, *size))[1].tobytes() for i, size in enumerate(sizes))
    )
    film, pictures = watched(path)
    assert len(pictures) == 4
    assert "changes from 64x48 to 128x48 at frame 4" in film.problem


# --- rates and times -------------------------------------------------------------------------------------------------


def test_a_browser_that_says_no_rate_is_measured(tmp_path: Path) -> None:
    """MediaRecorder: milliseconds that tremble, and a thousand of them a second for a rate."""
    tremble = [0, 3, -4, 2, -1, 4, -3]
    made = Made(
        "libvpx", frames=60, fps=Fraction(1000), stamp=lambda i: 10 + 33 * i + i // 3 + tremble[i % 7]
    )
    film, pictures = watched(make(tmp_path / "film.webm", made))
    assert film.facts.fps == pytest.approx(30, abs=0.5)
    assert film.facts.advice == ""
    assert len(pictures) == 60
    assert times_ms(pictures)[:3] == [0, 36, 62]


def test_a_pause_in_the_times_is_none_of_the_rate(tmp_path: Path) -> None:
    made = Made(frames=40, stamp=lambda i: 20 * i + (14_000 if i >= 20 else 0))
    film, pictures = watched(make(tmp_path / "film.mp4", made))
    assert film.facts.fps == pytest.approx(50)
    assert times_ms(pictures)[19:21] == [380, 14_400]


def test_a_rate_that_is_given_replaces_the_films_own(tmp_path: Path) -> None:
    path = make(tmp_path / "film.avi", Made("mjpeg", fps=Fraction(25)))
    film, pictures = watched(path, rate=200)
    assert film.facts.fps == 200
    assert times_ms(pictures) == [5 * i for i in range(30)]


@pytest.mark.parametrize(
    ("name", "made", "claim"),
    [
        (
            "telephone.mp4",
            Made("mpeg4", fps=Fraction(30), metadata=(("com.android.capture.fps", "240.000000"),)),
            "the telephone says 240 fps, its time stamps 30",
        ),
        (
            "header.mkv",
            Made("mjpeg", fps=Fraction(25), stamp=lambda i: 5 * i),
            "its header says 25 fps, its time stamps 200",
        ),
    ],
)
def test_a_rate_that_contradicts_itself_is_said(name: str, made: Made, claim: str, tmp_path: Path) -> None:
    film, _ = watched(make(tmp_path / name, made))
    assert claim in film.facts.advice
    assert "--fps" in film.facts.advice
    assert open_file(tmp_path / name, rate=200).facts.advice == ""


def test_rates() -> None:
    assert measured([]) == measured([0.0, 1.0]) == 0
    assert measured([0.0] * 20) == 0
    assert measured([0.0, 1.0, 100.0]) == 1
    assert measured([i / 200 for i in range(50)]) == pytest.approx(200)
    assert measured([i / 60 for i in range(60) if i % 7]) == pytest.approx(60)
    assert settled([round(i / 29.97, 3) for i in range(90)], (Fraction(30000, 1001),), {}).fps == 30000 / 1001
    assert settled([], (None, Fraction(0), Fraction(25)), {}).fps == 25
    assert settled([], (), {"its header": 25.0}) == settled([], (), {})


def test_times_rise_whatever_the_stamps_do() -> None:
    def times(stamps: list[float | None]) -> list[float]:
        clock = Clock(20, None)
        return [clock.at(None if s is None else Fraction(s)) / 1e9 for s in stamps]

    assert times([0.5, 0.54, 0.6, 0.61]) == pytest.approx([0, 0.04, 0.1, 0.11])
    assert times([0, 0, 0]) == pytest.approx([0, 0.05, 0.1])
    assert times([0, 0.04, 0.03, None]) == pytest.approx([0, 0.04, 0.09, 0.14])
    assert times([7, 8, 0, 1, 2]) == pytest.approx([0, 1, 1.05, 2.05, 3.05])  # a recorder that began anew
    lossy = Clock(20, 100)
    assert [lossy.at(None, lost) for lost in (0, 0, 3)] == [0, 10_000_000, 50_000_000]


# --- pixels ----------------------------------------------------------------------------------------------------------


def test_all_eight_ways_to_hold_a_camera() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    one = 1 << 16
    ways = {
        (one, 0, 0, one): image,
        (-one, 0, 0, -one): image[::-1, ::-1],
        (-one, 0, 0, one): image[:, ::-1],
        (one, 0, 0, -one): image[::-1],
        (0, one, -one, 0): np.rot90(image, -1),
        (0, -one, one, 0): np.rot90(image),
        (0, one, one, 0): image.transpose(1, 0, 2),
        (0, -one, -one, 0): image.transpose(1, 0, 2)[::-1, ::-1],
    }
    for (a, b, c, d), expected in ways.items():
        assert (turned(image, (a, b, 0, c, d, 0, 0, 0, 1 << 30)) == expected).all(), (a, b, c, d)
    assert turned(image, None) is image


@pytest.mark.parametrize(
    ("turn", "mirrored", "corner"),
    [
        (0, False, (0, 0)),
        (90, False, (-1, 0)),
        (180, False, (-1, -1)),
        (270, False, (0, -1)),
        (0, True, (0, -1)),
    ],
)
def test_a_film_is_seen_as_it_is_meant_to_be(
    turn: int, mirrored: bool, corner: tuple[int, int], tmp_path: Path
) -> None:
    """The bright corner of the picture, top left, goes where a player shows it."""
    path = make(tmp_path / "film.mp4", Made(size=(96, 64), turn=turn, mirrored=mirrored))
    film, pictures = watched(path)
    assert (film.width, film.height) == ((64, 96) if turn % 180 else (96, 64))
    corners = {
        (y, x): float(pictures[3].image[y * 8 : y * 8 + 8 or None, x * 8 : x * 8 + 8 or None].mean())
        for y in (0, -1)
        for x in (0, -1)
    }
    assert max(corners, key=corners.__getitem__) == corner


@pytest.mark.parametrize(
    ("codec", "container"),
    [
        ("libx264", "mp4"),
        ("mjpeg", "avi"),
        ("ffv1", "mkv"),
        ("prores", "mov"),
        ("mpeg2video", "ts"),
        ("wmv2", "wmv"),
    ],
)
def test_pixels_are_those_of_opencv(codec: str, container: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"film.{container}", Made(codec, frames=10, size=(96, 64)))
    _, pictures = watched(path)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    for one in pictures:
        done, image = capture.read()
        assert done
        assert np.abs(one.image.astype(int) - image).max() <= 1


def test_pictures_are_the_callers_to_keep_and_to_change(tmp_path: Path) -> None:
    film, pictures = watched(make(tmp_path / "film.mp4", Made(size=(64, 64))))
    kept = [one.image.copy() for one in pictures]
    pictures[0].image[:] = 0
    assert all((a.image == b).all() for a, b in list(zip(pictures, kept, strict=True))[1:])
    assert film.read() is None


# --- what is none ----------------------------------------------------------------------------------------------------


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = flipped(make(tmp_path / "film.mp4", Made(size=(128, 96), frames=60)), [0.4, 0.5, 0.6])
    capfd.readouterr()
    watched(path)
    for wrong in (b"no film" * 100, b"\0" * 5000, path.read_bytes()[:300]):
        (tmp_path / "wrong.mp4").write_bytes(wrong)
        with pytest.raises(InputError, match=r"wrong\.mp4: "):
            open_file(tmp_path / "wrong.mp4")
    assert capfd.readouterr() == ("", "")


def test_a_film_without_pictures_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as out:
        sound = out.add_stream("aac", rate=48000)
        for at in range(0, 48000, 1024):
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            tone.sample_rate, tone.pts = 48000, at
            out.mux(sound.encode(tone))
        out.mux(sound.encode())
    with pytest.raises(InputError, match="only sound"):
        open_file(path)


def test_a_codec_that_cannot_be_decoded_is_named_with_the_way_out(tmp_path: Path) -> None:
    """The sample entry of a codec that nobody knows."""
    path = make(tmp_path / "film.mp4", Made())
    path.write_bytes(path.read_bytes().replace(b"avc1", b"xqz1"))
    with pytest.raises(InputError, match=r"film\.mp4: .*(xqz1|codec).*ffmpeg -i"):
        open_file(path)


@pytest.mark.parametrize("name", ["12:30.mp4", "http:film.mp4", "50%25.mp4", "a b'\"<b>&.mp4", "видео.mp4"])
def test_a_name_is_a_name(name: str, tmp_path: Path) -> None:
    if sys.platform == "win32" and set(name) & set(':"<'):
        pytest.skip("no such name may be given here")
    assert len(watched(make(tmp_path / name, Made()))[1]) == 30


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = make(tmp_path / "film.mp4", Made())
    odd = tmp_path / "film-\udce4.mp4"
    path.rename(odd)
    assert len(watched(odd)[1]) == 30


def test_a_playlist_reaches_no_other_machine(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/film.mp4"
        (tmp_path / "list.m3u8").write_bytes(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,é\n{address}\n#EXT-X-ENDLIST\n".encode()
        )
        with pytest.raises(InputError):
            open_file(tmp_path / "list.m3u8")
        with pytest.raises(TimeoutError):
            server.accept()


def test_what_answers_at_a_url_is_told_apart() -> None:
    with pytest.raises(InputError, match="here: no stream answers there"):
        open_url("http://127.0.0.1:9/film.mp4", shown_as="here", open_timeout_s=0.2)


def test_times_of_frames_are_evenly_apart_after_a_flush(tmp_path: Path) -> None:
    """The last frames come out when the decoder is emptied; they have their times too."""
    film, pictures = watched(make(tmp_path / "film.mp4", Made(frames=17, fps=Fraction(24000, 1001))))
    assert film.facts.fps == pytest.approx(23.976, abs=0.001)
    assert {round((b.t_ns - a.t_ns) / 1e5) for a, b in pairwise(pictures)} == {417}
