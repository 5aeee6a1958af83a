"""Spreadsheets in the official layouts, and folders of empty pictures for them."""

import csv

import cv2
import numpy as np
import openpyxl

V1 = {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25, "sadness": 7, "fear": 2}
V2 = V1 | {"surprise": 28, "sadness": 4}
V3 = V1 | {"disgust": 64}
CASME2_HEADER = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
    *("Action Units", "Estimated Emotion"),
)
# Clips with known mistakes, in V1's classes: subject, clip, onset, apex, offset, emotion.
CASME2_KNOWN = [
    (4, "EP12_01f", 20, "/", 60, "disgust"),
    (5, "EP09_05f", 30, 30, 70, "repression"),
    (5, "EP16_04f", 10, 50, 50, "others"),
    (12, "EP09_06", 10, 50, 50, "others"),
    (20, "EP16_01", 10, 50, 50, "others"),
    (25, "EP18_04f", 10, 50, 50, "others"),
    (7, "EP06_01", 500, 90, 540, "others"),
    (12, "EP09_02", 16, 180, 20, "disgust"),
    (16, "EP01_08", 46, 80, 110, "repression"),
    (3, "EP01_2", 10, 20, 30, "surprise"),
    (9, "EP09f", 10, 20, 30, "happiness"),
    (7, "EP06_02_01", 10, 20, 30, "disgust"),
]
IN_V2 = {(24, "EP07_01"), (24, "EP07_04f"), (24, "EP10_03")}


def casme2_rows(version):
    """(subject, clip, onset, apex, offset, units, emotion) rows with the emotions of a version of the table."""
    left = dict({"V1": V1, "V2": V2, "V3": V3}[version])
    rows = [(*row[:5], "?" if i < 5 else "4+R7", row[5]) for i, row in enumerate(CASME2_KNOWN)]
    if version == "V2":
        rows = [(*row[:4], 96, *row[5:]) if row[1] == "EP01_08" else row for row in rows]
    moved = "surprise" if version == "V2" else "sadness"
    rows += [(subject, clip, 10, 20, 30, "4", moved) for subject, clip in sorted(IN_V2)]
    if version == "V3":
        rows.append((24, "EP02_07", 61, 91, 106, "4", "disgust"))
    for row in rows:
        left[row[6]] -= 1
    for emotion, count in left.items():
        for _ in range(count):
            n = len(rows)
            rows.append((n % 26 + 1, f"EP30_{n:03d}", 10, 20, 30, "4", emotion))
    return rows


def casme2(root, rows, header=CASME2_HEADER, name="CASME2-coding.xlsx"):
    """The workbook, and one clip with pictures, so that the layout is known; blank columns as the header has them."""
    blanks = [i for i, cell in enumerate(header) if cell is None]
    lines = []
    for row in rows:
        cells = list(row)
        for i in blanks:
            cells.insert(i, None)
        lines.append(cells)
    write_table(root / name, [header, *lines])
    return root


def write_table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        return path
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def pictures(folder, numbers, pattern="img{}.jpg"):
    """Tiny pictures with these numbers in their names."""
    folder.mkdir(parents=True, exist_ok=True)
    content = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    for number in numbers:
        (folder / pattern.format(number)).write_bytes(content)


SAMM_HEADER = (
    *(
        "Subject",
        "Filename",
        "Inducement Code",
        "Onset Frame",
        "Apex Frame",
        "Offset Frame",
        "Duration",
        "Micro",
    ),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
SAMM_COUNTS = {
    "Anger": 57,
    "Other": 26,
    "Happiness": 26,
    "Surprise": 15,
    "Contempt": 12,
    "Disgust": 9,
    "Fear": 8,
    "Sadness": 6,
}
SAMM_KNOWN = [
    ("028_4_1", 1105, 3000, 1124, "Anger"),
    ("032_3_1", 100, 90, 130, "Other"),
    ("013_1_9", 5700, 5710, 5600, "Surprise"),
    ("032_3_2", 5120, 9000, 5140, "Anger"),
]


def samm_rows():
    """Rows of SAMM's table with its counts, 29 subjects and the known mistakes."""
    left = dict(SAMM_COUNTS)
    rows = []

    def add(clip, onset, apex, offset, emotion):
        units = "AU12 or R14" if len(rows) % 2 else 4
        cells = (int(clip[:3]), clip, 1, onset, apex, offset, 21, "1/2", units, emotion, 1, None)
        rows.append(cells)
        left[emotion] -= 1

    for row in SAMM_KNOWN:
        add(*row)
    for emotion, count in list(left.items()):
        for _ in range(count):
            add(f"{6 + len(rows) % 29:03d}_9_{len(rows)}", 10, 20, 30, emotion)
    return rows


def samm(root, rows, header=SAMM_HEADER, lead=13):
    words = [(f"about the recordings, line {i}",) for i in range(lead)]
    write_table(root / "SAMM_Micro_FACS_Codes_v2.xlsx", [*words, header, *rows])
    return root


SMIC_COUNTS = {"HS": (70, 51, 43), "VIS": (23, 28, 20), "NIR": (23, 28, 20)}
SMIC_WORDS = {"ne": "negative", "po": "positive", "sur": "surprise"}


def smic_clips(camera):
    """(subject, folder name, emotion) of all clips of a camera, s1_ne_02, s2_sur_05 and s18_sur_03 among them."""
    subjects = range(1, 17) if camera == "HS" else range(11, 19)
    clips = []
    for (short, word), count in zip(SMIC_WORDS.items(), SMIC_COUNTS[camera], strict=True):
        known = [(1, 2)] if short == "ne" else [(18, 3), (2, 5)] if short == "sur" else []
        known = [place for place in known if camera == "HS" or place[0] == 18]
        places = known + [(s, n) for n in range(10, 30) for s in subjects]
        clips += [(s, f"s{s}_{short}_{n:02d}", word) for s, n in places[:count]]
    return clips


def smic(root, camera="HS", empty=(), layout="cropped", frames=(559740, 559741, 559742, 559743)):
    """Folders of a camera as unpacked; those in ``empty`` hold nothing."""
    for subject, name, word in smic_clips(camera):
        folder = root / camera / f"s{subject}" / "micro" / word / name
        pictures(
            folder,
            () if name in empty else frames,
            "reg_image{}.bmp" if layout == "cropped" else "image{:06d}.bmp",
        )
    return root
