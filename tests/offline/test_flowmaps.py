"""Reading the released flow maps, and refusing what is not a release."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import InputError
from offline.datasets.flowmaps import FOLDER, FULL, TABLE, load_flowmaps

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "flowmaps"


def edit(release, change):
    table = release / TABLE
    table.write_text(change(table.read_text()))


def test_the_full_release_is_442_clips_of_68_people():
    assert sum(full.clips for full in FULL.values()) == 442
    assert sum(full.subjects for full in FULL.values()) == 68
    assert [sum(full.counts[i] for full in FULL.values()) for i in range(3)] == [250, 109, 83]


def test_maps_come_as_u_v_strain_between_0_and_1(release, samples):
    assert samples.maps.shape == (28, 3, 28, 28) and samples.maps.dtype == np.float32
    assert samples.maps.min() == 0 and samples.maps.max() == 1
    bgr = cv2.imread(str(release / FOLDER / "sub01_sub01_c0 .png"))
    for channel, of_bgr in enumerate((2, 1, 0)):
        np.testing.assert_allclose(samples.maps[0, channel] * 255, bgr[:, :, of_bgr], atol=1e-4)
    assert samples.people[0] == "casme2/sub01" and len(set(samples.people)) == 7


def test_a_partial_release_is_accepted_and_said(samples):
    assert any("CASME II: 12 clips" in note and "145" in note for note in samples.notes)
    assert any("SAMM" in note for note in samples.notes)


def test_a_missing_database_is_said(release):
    edit(release, lambda text: "\n".join(line for line in text.splitlines() if not line.startswith("samm")))
    assert "partial release: no SAMM (133 clips, 28 subjects)" in load_flowmaps(release).notes


def test_the_full_release_is_taken_without_a_word(tmp_path, write_release):
    rows = []
    for dataset, full in FULL.items():
        for i, label in enumerate(np.repeat([0, 1, 2], full.counts)):
            person = f"{i % full.subjects:03d}" if dataset == "samm" else f"{dataset}{i % full.subjects}"
            rows.append((dataset, person, f"c{i}", int(label)))
    samples = load_flowmaps(write_release(tmp_path / "full", rows))
    assert len(samples) == 442 and len(set(samples.people)) == 68 and samples.notes == ()


def test_zeros_lost_from_samm_subjects_are_restored(release):
    edit(release, lambda text: text.replace("samm,006,", "samm,6,"))
    assert "samm/006" in load_flowmaps(release).people


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("label", "etikett", 1), "no column label"),
        (
            lambda text: text.replace("casme2,sub01,sub01_c0,0", "casme2,sub01,sub01_c0,3"),
            "label '3' .* outside the map",
        ),
        (
            lambda text: text.replace("casme2,sub01,sub01_c0,0", "casme2,sub01,sub01_c0,happy"),
            "label 'happy'",
        ),
        (
            lambda text: text.replace("casme2,sub01,sub01_c1", "casme2,sub01,sub01_c0"),
            "there twice, first on line 2",
        ),
        (
            lambda text: text.replace("casme2,sub01,sub01_c0", "casme9,sub01,sub01_c0"),
            "unknown dataset 'casme9'",
        ),
        (lambda text: text.replace("casme2,sub01,sub01_c0", "casme2,sub01,"), "subject sub01 has no clip"),
        (lambda text: text.replace("casme2,sub01,sub01_c0", "casme2,,sub01_c0"), "has no subject"),
        (lambda text: text.splitlines()[0], "no rows"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(release, change, message):
    edit(release, change)
    with pytest.raises(InputError, match=message):
        load_flowmaps(release)


def test_missing_pictures_are_named(release):
    (release / FOLDER / "sub02_sub02_c1 .png").unlink()
    (release / FOLDER / "006_006_c3 .png").unlink()
    with pytest.raises(
        InputError, match=r"2 of 28 pictures are missing: 'sub02_sub02_c1 .png', '006_006_c3 .png'"
    ):
        load_flowmaps(release)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a picture", "cannot be read as a picture"),
        (cv2.imencode(".png", np.zeros((30, 28, 3), np.uint8))[1].tobytes(), r"uint8 \(30, 28, 3\)"),
        (cv2.imencode(".png", np.zeros((28, 28), np.uint8))[1].tobytes(), r"uint8 \(28, 28\)"),
        (cv2.imencode(".png", np.zeros((28, 28, 3), np.uint16))[1].tobytes(), "uint16"),
    ],
)
def test_a_picture_that_is_no_map_is_named(release, content, message):
    (release / FOLDER / "s01_s01_c2 .png").write_bytes(content)
    with pytest.raises(InputError, match=r"s01_s01_c2 .*" + message):
        load_flowmaps(release)


def test_channels_in_another_order_are_noticed(release):
    for path in (release / FOLDER).iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path))[:, :, ::-1])
    with pytest.raises(InputError, match="channels are not RGB = u, v, strain"):
        load_flowmaps(release)


def test_a_folder_that_is_no_release_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"{TABLE} is missing"):
        load_flowmaps(tmp_path)


def test_pictures_that_no_line_names_are_left_out_and_said(release):
    cv2.imwrite(str(release / FOLDER / "stray .png"), np.zeros((28, 28, 3), np.uint8))
    assert any("1 pictures are not in the table" in note for note in load_flowmaps(release).notes)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the measuring data is not beside this checkout")
def test_the_measuring_data_has_its_known_counts():
    samples = load_flowmaps(SHARED)
    assert len(samples) == 309 and len(set(samples.people)) == 40
    assert samples.notes == ("partial release: no SAMM (133 clips, 28 subjects)",)
    for dataset in ("casme2", "smic"):
        counts = Counter(samples.labels[samples.datasets == dataset].tolist())
        assert tuple(counts[i] for i in range(3)) == FULL[dataset].counts
