"""Which pictures of a folder are one series, and what their numbers are."""

import pytest

from engines.errors import InputError
from engines.series import copied_name, series_of


def of(folder, *names):
    for name in names:
        (folder / name).touch()
    return series_of(folder)


def named(series):
    return [path.name for _, path in series.frames]


def test_frames_are_counted_by_the_numbers_in_their_names(tmp_path):
    series = of(tmp_path, *(f"img{i}.jpg" for i in (8, 9, 10, 13)))
    assert named(series) == ["img8.jpg", "img9.jpg", "img10.jpg", "img13.jpg"]
    assert [number for number, _ in series.frames] == [8, 9, 10, 13]
    assert [index for index, _ in series.indexed()] == [0, 1, 2, 5] and series.missing == 2


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("{:03d}.png", range(5)),
        ("006_1_2_{:05d}.jpg", range(5562, 5570)),
        ("frame_{:04d}_left.bmp", range(10)),
        ("take3_{}_640x480.tif", range(1, 12)),
        ("clip ({}).jpg", range(1, 12)),
        ("IMG_{:04d}.JPG", range(3)),
        ("20240101_12300{0}_{0:05d}.png", range(9)),
    ],
)
def test_the_number_that_counts_is_found_whatever_stands_around_it(tmp_path, pattern, numbers):
    series = of(tmp_path, *(pattern.format(i) for i in numbers))
    assert [number for number, _ in series.frames] == list(numbers)
    assert (series.step, series.missing, series.left_out) == (1, 0, ())


def test_numbers_in_steps_are_frames_without_holes(tmp_path):
    series = of(tmp_path, *(f"{5 * i:04d}.png" for i in (0, 1, 2, 4)))
    assert (series.step, series.missing) == (5, 1)
    assert [index for index, _ in series.indexed()] == [0, 1, 2, 4]


@pytest.mark.parametrize(
    "names",
    [
        [f"{1690000000000 + 33 * i + i % 2}.png" for i in range(20)],  # milliseconds
        [
            f"{1690000000 + i // 30}.{i % 30 * 33333:06d}.png" for i in range(70)
        ],  # seconds and their fractions
        ["img1.jpg", "img2.jpg", "img999999999.jpg"],
        ["anna.png", "ben.png", "cleo.png"],
    ],
)
def test_names_that_do_not_count_frames_give_their_order_alone(tmp_path, names):
    series = of(tmp_path, *names)
    assert named(series) == names and series.step is None and series.missing == 0
    assert [index for index, _ in series.indexed()] == list(range(len(names)))


def test_copies_hidden_files_and_strays_are_left_out_and_named(tmp_path):
    frames = [f"img{i}.jpg" for i in range(1, 9)]
    copies = [
        *("img3 (1).jpg", "img3 - Copy.jpg", "img3 - Copy (2).jpg", "img4 copy.jpg", "img5 copy 2.jpg"),
        *("img6 (another copy).jpg", "img6 - Kopie.jpg", "img7 2.jpg"),
    ]
    passed_over = ["._img5.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt"]
    series = of(tmp_path, *frames, *copies, *passed_over, "cover.jpg")
    assert named(series) == frames
    assert series.left_out[0].startswith("8 copies left out: img3 (1).jpg, ")
    assert series.left_out[1] == "1 image left out, not named as img1.jpg is: cover.jpg"


def test_a_name_in_brackets_is_a_copy_only_beside_what_it_copies(tmp_path):
    assert copied_name("img5 (1)") == "img5" and copied_name("img5") is None
    series = of(tmp_path, "img (1).jpg", "img (2).jpg", "img (3).jpg")
    assert len(series.frames) == 3 and series.left_out == ()
    (tmp_path / "other").mkdir()
    series = of(tmp_path / "other", *(f"cam1 {i}.jpg" for i in range(1, 30)), "cam1.jpg")
    assert len(series.frames) == 29


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["img{}.jpg", "cam2_{}.jpg"], r"cam2_1\.jpg to cam2_4\.jpg \(4\) and img1\.jpg to"),
        (["cam1_{}.jpg", "cam2_{}.jpg"], r"cam1_1\.jpg to cam1_4\.jpg \(4\) and cam2_1\.jpg to"),
        (["img{}.jpg", "img{}.png"], r"img1\.jpg to img4\.jpg \(4\) and img1\.png to"),
        (["img{}.jpg", "img00{}.jpg"], r"img001\.jpg to img004\.jpg \(4\) and img1\.jpg to"),
    ],
)
def test_two_series_in_one_folder_are_refused(tmp_path, names, words):
    with pytest.raises(InputError, match=f"2 series of images: .*{words}.*a folder of its own") as error:
        of(tmp_path, *(name.format(i) for i in range(1, 5) for name in names))
    assert "\n" not in str(error.value)


def test_one_series_may_change_its_format(tmp_path):
    series = of(tmp_path, *(f"img{i}.{'jpg' if i < 4 else 'png'}" for i in range(8)))
    assert [number for number, _ in series.frames] == list(range(8))


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(InputError, match="no png, jpg, bmp or tif image in it"):
        of(tmp_path, "._img1.jpg", "Thumbs.db")
