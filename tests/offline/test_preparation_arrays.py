"""What is made of a clip's crops: magnified, masked, resampled in time, turned."""

import numpy as np
import pytest

from offline.inputs.systems import magnitude_picture, masked, motion_mask
from offline.preparation.interpolation import interpolate, tim_weights
from offline.preparation.magnification import magnify
from offline.training.pictures import jittered, mirrored, moved, one_of_ten


def moving(shift, frames=41):
    """A soft grating that moves there and back by ``shift`` pixels in 0.2 s at 200 fps."""
    x = np.arange(140) + np.zeros((170, 1))
    course = shift * np.sin(np.pi * np.arange(frames) / (frames - 1)) ** 2
    return np.stack([128 + 60 * np.sin(2 * np.pi * (x - s) / 40) for s in course]).astype(np.float32)


def shift_of(first, second):
    """Pixels by which a grating of 40 px moved: the phase of its wave."""
    phases = [
        np.angle((row * np.exp(-2j * np.pi * np.arange(120) / 40)).sum())
        for row in (first[85, :120], second[85, :120])
    ]
    return -(phases[1] - phases[0]) * 40 / (2 * np.pi)


def test_motion_is_magnified_about_one_plus_alpha_times_and_the_first_frame_stays():
    clip = moving(0.25)
    for alpha in (4, 8):
        large = magnify(clip, 200.0, alpha)
        assert np.array_equal(large[0], clip[0])
        assert shift_of(large[0], large[20]) / shift_of(clip[0], clip[20]) == pytest.approx(
            1 + alpha, rel=0.35
        )
    still = magnify(np.repeat(clip[:1], 10, 0), 200.0)
    assert np.allclose(still, clip[0], atol=1e-3)


def test_magnification_leaves_type_and_brightness_and_spares_what_is_fine():
    clip = moving(0.25)
    brighter = clip + np.linspace(0, 20, len(clip), dtype=np.float32)[:, None, None]
    assert abs((magnify(brighter, 200.0) - brighter).mean()) < 3
    whole = magnify(clip.round().astype(np.uint8), 200.0)
    assert whole.dtype == np.uint8 and whole.shape == clip.shape
    rng = np.random.default_rng(0)
    noise = clip + rng.normal(0, 2, clip.shape).astype(np.float32)
    added = (magnify(noise, 200.0) - noise) - (magnify(clip, 200.0) - clip)
    assert added.std() < 8 * 2 / 3  # white noise grows far less than alpha times


def test_a_mask_is_where_the_flow_image_exceeds_fifty():
    u = np.zeros((4, 4), np.float32)
    v = u.copy()
    u[0, 0], v[0, 1], u[2, 2] = 2.0, -0.41, 0.39
    picture = magnitude_picture(u, v)
    assert picture[0, 0] == 255 and picture[0, 1] == 52 and picture[2, 2] == 50
    mask = motion_mask(picture)
    assert mask.sum() == 2 and mask[0, 0] and mask[0, 1]
    grey = np.full((4, 4), 77, np.uint8)
    assert masked(grey, mask).sum() == 2 * 77 and masked(grey, mask).dtype == np.uint8
    assert not motion_mask(magnitude_picture(v * 0, v * 0)).any()


def svd_tim(frames, wanted):
    """TIM word by word: SVD of the centred frames, the embedding's linear map, and back."""
    n = len(frames)
    x = frames.reshape(n, -1).T.astype(float)
    mean = x.mean(1, keepdims=True)
    left, sizes, right = np.linalg.svd(x - mean, full_matrices=False)
    left, sizes, right = left[:, : n - 1], sizes[: n - 1], right[: n - 1]
    k = np.arange(1, n)[:, None]

    def curve(t):
        return np.sin(np.pi * k * t + np.pi * (n - k) / (2 * n))

    to_curve = curve(np.arange(1, n + 1) / n) @ np.linalg.pinv(sizes[:, None] * right)
    return (left @ np.linalg.inv(to_curve) @ curve(np.linspace(1 / n, 1, wanted)) + mean).T.reshape(
        wanted, *frames.shape[1:]
    )


def test_tim_is_the_model_of_its_paper():
    frames = np.random.default_rng(3).uniform(0, 255, (7, 5, 6)).astype(np.float32)
    for wanted in (3, 7, 10, 64):
        assert np.allclose(interpolate(frames, wanted), svd_tim(frames, wanted), atol=1e-2)


def test_tim_passes_through_the_frames_and_keeps_a_still_clip_still():
    frames = np.random.default_rng(4).integers(0, 256, (9, 4, 4)).astype(np.uint8)
    assert np.array_equal(interpolate(frames, 9), frames)
    made = interpolate(frames, 17)
    assert made.dtype == np.uint8 and np.array_equal(made[::2], frames)
    assert np.allclose(tim_weights(12, 64).sum(1), 1)
    assert np.array_equal(interpolate(frames[:1], 5), np.repeat(frames[:1], 5, 0))
    assert np.array_equal(interpolate(frames, 1)[0], frames[4])
    with pytest.raises(ValueError, match="cannot make 3 frames of 0"):
        tim_weights(0, 3)


def test_the_ten_are_five_turns_and_their_mirrors():
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 35] = 255
    many = np.stack([one_of_ten(image, number) for number in range(10)])
    assert many.shape == (10, 41, 41, 3) and many.dtype == np.uint8
    assert np.array_equal(many[0], image) and np.array_equal(many[5], image[:, ::-1])
    rows, columns = zip(
        *(np.unravel_index(picture[..., 0].argmax(), (41, 41)) for picture in many), strict=True
    )
    # 15 px from the middle, 10 degrees counter-clockwise: 2.6 px up.
    assert rows[:5] == (20, 19, 21, 17, 23) and rows[5:] == rows[:5]
    assert all(column > 30 for column in columns[:5]) and all(column < 10 for column in columns[5:])


def test_jitter_stays_within_bounds_and_comes_from_its_generator():
    image = np.zeros((81, 81), np.float32)
    image[40, 40] = 1
    draws = [jittered(image, np.random.default_rng(seed)) for seed in range(60)]
    places = np.array([np.unravel_index(picture.argmax(), picture.shape) for picture in draws])
    away = np.abs(places - 40).max(1)
    assert away.max() <= 10 and 0.3 < (away > 0).mean() < 0.7
    assert np.array_equal(draws[7], jittered(image, np.random.default_rng(7)))
    assert np.array_equal(moved(image, right=3, down=-2)[38, 43], image[40, 40])
    assert np.array_equal(mirrored(mirrored(image)), image)
