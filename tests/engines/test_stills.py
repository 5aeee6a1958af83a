"""Pictures of every depth and orientation come out as the same 8-bit picture."""

import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from engines import stills
from engines.errors import InputError

RNG = np.random.default_rng(0)
GREY = cv2.resize(RNG.integers(0, 256, (6, 8), dtype=np.uint8), (48, 36), interpolation=cv2.INTER_NEAREST)
GREY[0, 0] = 255  # every depth is used to its top
COLOUR = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])


def write(path, image, **options):
    """A PNG, JPEG, BMP or TIFF; blue-green-red. ``orientation`` and other tags by Pillow."""
    if not options:
        assert cv2.imwrite(str(path), image)
        return path
    picture = Image.fromarray(image[..., ::-1] if image.ndim == 3 else image)
    exif = Image.Exif()
    if turn := options.pop("orientation", None):
        exif[274] = turn
        options |= {"tiffinfo": {274: turn}} if path.suffix == ".tif" else {"exif": exif.tobytes()}
    picture.save(path, quality=100, **options)
    return path


def with_chunk(png, name, content):
    """A PNG with one more chunk after its head."""
    import zlib

    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_significant_bits_are_found_in_the_values(tmp_path, suffix, bits):
    deep = COLOUR.astype(np.uint16) << (bits - 8)
    path = write(tmp_path / f"a{suffix}", deep)
    depth = stills.depth_of([path])
    assert (depth.bits, depth.largest) == (bits, 255 << (bits - 8))
    assert f"{depth.largest}: taken as {bits} bits" in depth.said
    assert np.array_equal(stills.read(path, depth), COLOUR)
    assert stills.read(path, depth, grey=True).shape == GREY.shape
    assert stills.is_deep(path)


def test_a_series_shares_one_depth_and_8_bit_pictures_stay(tmp_path):
    dark = write(tmp_path / "dark.png", GREY.astype(np.uint16))
    light = write(tmp_path / "light.png", GREY.astype(np.uint16) << 4)
    plain = write(tmp_path / "plain.png", GREY)
    depth = stills.depth_of([plain, dark, light])
    assert depth.bits == 12
    assert stills.read(dark, depth, grey=True).max() == 255 >> 4
    assert np.array_equal(stills.read(light, depth, grey=True), GREY)
    assert np.array_equal(stills.read(plain, depth, grey=True), GREY)
    assert stills.depth_of([plain]) == stills.Depth() and not stills.Depth().said


@pytest.mark.parametrize("told", ["sBIT", "MaxSampleValue", "OME", "nothing"])
def test_what_the_file_says_of_its_depth_counts_where_the_values_are_low(tmp_path, told):
    dim = (GREY >> 2).astype(np.uint16)  # up to 63, of a camera with 12 bits
    path = tmp_path / ("a.png" if told == "sBIT" else "a.tif")
    if told == "sBIT":
        path.write_bytes(with_chunk(cv2.imencode(".png", dim)[1].tobytes(), b"sBIT", b"\x0c"))
    else:
        tags = {"MaxSampleValue": {281: 4095}, "OME": {270: '<Pixels SignificantBits="12"/>'}, "nothing": {}}
        Image.fromarray(dim).save(path, tiffinfo=tags[told])
    assert stills.depth_of([path]).bits == (8 if told == "nothing" else 12)


def test_a_depth_that_a_file_says_wrongly_does_not_overexpose(tmp_path):
    path = tmp_path / "a.png"
    full = GREY.astype(np.uint16) * 257  # as the PNG specification wants values of 12 bits to be written
    path.write_bytes(with_chunk(cv2.imencode(".png", full)[1].tobytes(), b"sBIT", b"\x0c"))
    depth = stills.depth_of([path])
    assert depth.bits == 16 and np.array_equal(stills.read(path, depth, grey=True), GREY)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int16])
def test_values_that_are_no_brightness_are_refused(tmp_path, dtype):
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), GREY.astype(dtype))
    with pytest.raises(InputError, match=r"a\.tif: .* values; save the pictures with 8 or 16 bits"):
        stills.depth_of([path])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_is_turned_as_its_orientation_says(tmp_path, suffix, turn):
    upright = cv2.resize(COLOUR, (96, 64), interpolation=cv2.INTER_CUBIC)
    lying = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1), 7: np.rot90(upright, 2).swapaxes(0, 1), 8: np.rot90(upright, -1),
    }[turn]  # fmt: skip
    path = write(tmp_path / f"a{suffix}", np.ascontiguousarray(lying), orientation=turn)
    for grey in (False, True):
        image = stills.read(path, grey=grey)
        assert image.shape[:2] == (64, 96)
        truth = cv2.cvtColor(upright, cv2.COLOR_BGR2GRAY) if grey else upright
        assert np.abs(image.astype(int) - truth).mean() < 12  # JPEG
    assert stills.size(path) == (96, 64)


def test_what_is_no_picture_is_none_and_says_nothing(tmp_path, capfd):
    for name, content in (
        ("nothing.png", b""),
        ("words.png", b"no picture"),
        ("cut.png", cv2.imencode(".png", COLOUR)[1].tobytes()[:-40]),
        ("cut.jpg", cv2.imencode(".jpg", COLOUR)[1].tobytes()[:-300]),
        ("cut.tif", cv2.imencode(".tif", COLOUR)[1].tobytes()[:-60]),
        ("cut.bmp", cv2.imencode(".bmp", COLOUR)[1].tobytes()[:-60]),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert stills.read(path) is None, name
        stills.size(path), stills.is_deep(path)
        assert stills.depth_of([path]) == stills.Depth()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(OSError):
        stills.read(tmp_path / "gone.png")


DAMAGED = {
    "jpg": (".jpg", []),
    "progressive": (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "restarting": (".jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]),
    "png": (".png", []),
    "lzw": (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 5]),
    "deflate": (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 8]),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_bad_bytes_in_the_middle_are_damage_and_say_nothing(tmp_path, kind, capfd):
    suffix, options = DAMAGED[kind]
    data = cv2.imencode(suffix, RNG.integers(0, 256, (120, 160, 3), np.uint8), options)[1].tobytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    assert stills.read(path) is not None
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(600) + data[middle + 600 :])
    assert stills.read(path) is None and stills.read(path, grey=True) is None
    assert capfd.readouterr() == ("", "")


def test_a_few_bytes_before_a_marker_as_some_cameras_put_them_are_no_damage(tmp_path):
    data = cv2.imencode(".jpg", COLOUR)[1].tobytes()
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:-2] + bytes(4) + data[-2:])
    assert np.array_equal(stills.read(path), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def test_unusual_tags_are_no_damage(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(GREY).save(path, tiffinfo={65000: "of a microscope", 270: "x"}, compression="tiff_lzw")
    assert np.array_equal(stills.read(path, grey=True), GREY)


def test_values_above_the_depth_are_reported(tmp_path):
    path = write(tmp_path / "a.png", GREY.astype(np.uint16) << 4)
    clipped = []
    stills.read(path, stills.Depth(12, 4080), on_clipped=lambda: clipped.append(12))
    assert stills.read(path, stills.Depth(10, 1020), on_clipped=lambda: clipped.append(10)).max() == 255
    assert clipped == [10]


def test_a_name_that_is_no_text_is_read(tmp_path):
    path = tmp_path / b"gesicht-\xe4.png".decode("utf-8", "surrogateescape")
    path.write_bytes(cv2.imencode(".png", COLOUR)[1].tobytes())
    assert np.array_equal(stills.read(path), COLOUR)


def test_several_pictures_in_one_file_are_refused(tmp_path):
    path = tmp_path / "stack.tif"
    pages = [Image.fromarray(GREY) for _ in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"stack\.tif: 3 pictures in one file"):
        stills.size(path)
