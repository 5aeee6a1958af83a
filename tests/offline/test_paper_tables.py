"""The papers' tables: the figures add up, and runs find their cells."""

import json

import numpy as np
import pytest

from engines.errors import InputError
from engines.labels import CLASSES
from offline.datasets.samples import Samples
from offline.metrics import bootstrap, score, scores_of
from offline.paper_tables import fill, find_runs, markdown, page
from offline.papers import MEASURED, PAPERS, open_paper
from offline.papers.conditions import commands
from offline.protocols import PROTOCOLS
from offline.published import published
from offline.recognisers import RECOGNISERS, open_recogniser
from offline.runs.scoring import metrics_of, predictions_csv
from offline.tables import merge

# Printed averages that are not the means of their rows, said in the tables' notes.
WRONG = {
    ("3", "LBP-TOP(R1P4)", "Average Acc"),
    ("3", "HOG-TOP(p=4)", "Average UF1"),
    ("3", "HOG-TOP(p=4)", "Average Acc"),
    ("3", "HOG-TOP(p=8)", "Average UF1"),
    ("4", "C3D-FC2 (UCF101)", "Average UF1"),
    ("5", "LBP-TOP", "Average"),
}


def settings_of(model, protocol, name=""):
    """What results.json says of a training by a recipe, the published one where there is one."""
    network = open_recogniser(model).network
    if network is None:
        return {}
    chosen = name or next((each for each in ("paper", "authors") if each in network.published), "ours")
    recipe = network.recipe_of(chosen, protocol)
    return {**recipe.settings(), "recipe": chosen, "weights": "ab" if recipe.pretrained else None}


def write_run(
    folder,
    protocol,
    model,
    labels,
    said,
    classes,
    datasets,
    epochs=None,
    seeds=(0,),
    rendered=(),
    training=None,
    measured=None,
    recipe="",
):
    """A finished run's folder with these predictions (seeds, N), trained as published where nothing else is said."""
    n = len(labels)
    samples = Samples(
        np.zeros((n, 1)),
        np.asarray(labels),
        np.asarray(datasets),
        np.array([f"s{i % 5}" for i in range(n)]),
        np.array([f"c{i}" for i in range(n)]),
        classes,
    )
    said = np.atleast_2d(said)
    sets = {"full": np.ones(n, bool)} | {d: samples.datasets == d for d in dict.fromkeys(datasets)}
    report = {
        "protocol": protocol,
        "model": model,
        "seeds": list(seeds),
        "epochs": epochs,
        "training": {**settings_of(model, protocol, recipe), **(training or {})},
        "measured": {"released": True} if measured is None else measured,
        "classes": list(classes),
        "n_samples": n,
        "metrics": {name: metrics_of(samples.rows(mask), said[:, mask]) for name, mask in sets.items()},
    }
    if rendered:
        report["rendered"] = list(rendered)
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(report))
    probabilities = np.eye(len(classes), dtype=np.float32)[said]
    (folder / "predictions.csv").write_text(
        predictions_csv(samples, [(seed, 1) for seed in seeds], probabilities)
    )
    return report


@pytest.mark.parametrize("number", PAPERS)
def test_every_table_is_whole(number):
    for table in open_paper(number):
        for row in table.rows:
            assert len(row.values) == len(table.columns) and any(v is not None for v in row.values)
            assert row.model in ("", *RECOGNISERS), row.title
            assert all(v is None or 0 <= v <= 1 for v in row.values)
        assert all(column.protocol in ("mean", *PROTOCOLS) for column in table.columns)


def test_printed_averages_are_the_means_of_their_rows():
    wrong = set()
    for table in open_paper("002"):
        for row in table.rows:
            for place, column in enumerate(table.columns):
                if column.protocol != "mean" or row.values[place] is None:
                    continue
                pairs = zip(table.columns[:place], row.values, strict=False)
                values = [v for c, v in pairs if c.metric == column.metric and v is not None]
                if abs(np.mean(values) - row.values[place]) > 6e-4:
                    wrong.add((table.number, row.title, column.heading))
    assert wrong == WRONG


def test_confusions_of_paper_003_give_its_accuracy():
    tables = {table.number: table for table in open_paper("003")}
    clips = {"happiness": 32, "disgust": 63, "repression": 27, "surprise": 28, "others": 99}
    rows = {row.title: dict(zip(clips, row.values, strict=True)) for row in tables["5"].rows}
    assert all(sum(row.values()) == pytest.approx(1, abs=2e-4) for row in rows.values())
    right = sum(round(rows[name][name] * count) for name, count in clips.items())
    assert right / 249 == pytest.approx(tables["2"].rows[3].values[0], abs=1e-4)  # 53.01 %


def test_accuracies_on_whole_databases_are_whole_clips():
    for table in open_paper("003"):
        for row in table.rows:
            if row.model.startswith("mobilenetv2") and table.number in ("2", "3"):
                assert row.values[0] * 249 == pytest.approx(round(row.values[0] * 249), abs=0.02)
    (third, *_) = open_paper("000")
    for row in third.rows:
        assert row.values[0] * 441 == pytest.approx(round(row.values[0] * 441), abs=0.03)


def test_a_run_finds_its_cells_with_interval_and_difference(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    said = np.where(rng.random(60) < 0.7, labels, rng.integers(0, 3, 60))
    datasets = ["casme2", "smic"] * 30
    classes = ("negative", "positive", "surprise")
    report = write_run(tmp_path / "runs" / "fr", "cde", "fr", labels, said, classes, datasets)
    filled = fill("002", find_runs([tmp_path / "runs"]))
    tables = {table["number"]: table for table in filled["tables"]}
    row = next(row for row in tables["2"]["rows"] if row["method"] == "FR (Ours)")
    cell = row["cells"][0]
    assert cell["published"] == 0.7838 and cell["measured"] == report["metrics"]["full"]["uf1"]
    assert cell["ci95"] == pytest.approx(tuple(report["metrics"]["full"]["uf1_ci95"]))
    assert cell["difference"] == pytest.approx(cell["measured"] - 0.7838, abs=1e-9) and cell["clips"] == 60
    assert row["status"] == "6 of 8 columns run" and row["cells"][6]["measured"] is None  # no SAMM
    assert (
        "cde: 60 clips here, 442 in the paper; differences are of methods and of data" in tables["2"]["notes"]
    )
    others = {row["method"]: row["status"] for row in tables["2"]["rows"]}
    assert others["EMR"] == "no recogniser here" and others["CapsuleNet"] == "not run"
    assert len(tables["5"]["rows"]) == 29
    assert "ours" in markdown(filled) and "no recogniser here" in page(filled)


def test_rendered_faces_are_told_and_not_compared(tmp_path):
    classes, labels = ("negative", "positive", "surprise"), np.arange(30) % 3
    shared = ("cde", "ststnet", labels)
    drawn = write_run(
        tmp_path / "drawn", *shared, labels, classes, ["casme2"] * 30, seeds=(0,), rendered=("casme2",)
    )
    assert drawn["metrics"]["full"]["uf1"] == 1

    def row():
        filled = fill("002", find_runs([tmp_path]))
        table = next(table for table in filled["tables"] if table["number"] == "2")
        return filled, table, next(row for row in table["rows"] if row["model"] == "ststnet")

    filled, table, found = row()
    cell = found["cells"][0]
    assert (cell["measured"], cell["difference"], cell["rendered"]) == (1, None, True)
    assert found["status"] == "4 of 8 columns run, on rendered faces"
    assert [note for note in table["notes"] if "drawn by apexcam" in note] and not any(
        "30 clips here" in note for note in table["notes"]
    )
    for text in (markdown(filled), page(filled)):
        assert (
            "0.7353<br>rendered 1.0000" in text and "ours 1.0000" not in text and "drawn by apexcam" in text
        )
    (line,) = merge(find_runs([tmp_path / "drawn"]))
    assert line["data"] == "rendered"

    # A run on recorded faces comes first, whatever its seeds.
    said = np.where(np.arange(30) < 6, 0, labels)
    write_run(tmp_path / "recorded", *shared, said, classes, ["casme2"] * 30)
    cell = row()[2]["cells"][0]
    assert not cell["rendered"] and cell["measured"] < 1 and cell["difference"] is not None
    assert [line["data"] for line in merge(find_runs([tmp_path]))] == ["rendered", "recorded"]


def test_an_average_needs_every_experiment(tmp_path):
    classes = ("negative", "positive", "surprise")
    labels = np.arange(30) % 3
    for number in range(1, 7):
        assert _average(tmp_path) is None
        said = np.where(np.arange(30) < 5 * number, labels, 0)
        write_run(
            tmp_path / f"e{number}", f"cdmer-{number}", "bi-woof", labels, said, classes, ["smic-vis"] * 30
        )
        write_run(
            tmp_path / f"l{number}", f"cdmer-{number}", "lpq-top", labels, said, classes, ["smic-vis"] * 30
        )
    assert _average(tmp_path) == pytest.approx(np.mean([1 / 3 + 2 * n / 18 for n in range(1, 7)]), abs=0.02)


def _average(folder):
    runs = find_runs([folder]) if any(folder.iterdir()) else []
    table = fill("002", runs)["tables"][3 - 1]
    row = next(row for row in table["rows"] if row["method"] == "LPQ-TOP(decorr=0.1)")
    return row["cells"][-1]["measured"]


def test_most_seeds_count_and_epochs_must_fit(tmp_path):
    classes, labels = ("negative", "positive", "surprise"), np.arange(12) % 3
    write_run(tmp_path / "a", "cde", "off-apexnet", labels, labels, classes, ["smic"] * 12, 3000)
    worse = np.stack([labels, (labels + 1) % 3])
    write_run(tmp_path / "b", "cde", "off-apexnet", labels, worse, classes, ["smic"] * 12, 3000, (0, 1))
    write_run(tmp_path / "c", "cde", "off-apexnet", labels, labels, classes, ["smic"] * 12, 1000)
    first, _, together = fill("000", find_runs([tmp_path]))["tables"]
    assert [row["cells"][0]["measured"] for row in first["rows"]] == [1.0, None, 0.5, None, None]
    assert together["rows"][2]["cells"][0]["measured"] == 0.5


def test_confusions_are_found_by_class(tmp_path):
    classes = ("happiness", "surprise", "disgust", "repression", "others")
    labels = np.arange(40) % 5
    said = np.where(labels == 0, 2, labels)  # all happiness is taken for disgust
    write_run(tmp_path / "m", "loso-casme2-5", "mobilenetv2", labels, said, classes, ["casme2"] * 40)
    table = fill("003", find_runs([tmp_path / "m"]))["tables"][3]
    happiness = table["rows"][0]["cells"]
    assert [cell["measured"] for cell in happiness] == [0, 1, 0, 0, 0]
    assert happiness[1]["published"] == 0.0625 and table["rows"][4]["cells"][4]["measured"] == 1


def test_papers_have_every_row_without_any_run():
    for number in PAPERS:
        filled = fill(number, [])
        assert all(
            row["status"] in ("not run", "no recogniser here") for t in filled["tables"] for row in t["rows"]
        )
    with pytest.raises(InputError, match="unknown paper '005': choose one of 000, 001"):
        fill("005", [])


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no finished run"):
        find_runs([tmp_path])
    with pytest.raises(InputError, match="is not a finished run"):
        find_runs([tmp_path / "nowhere"])


def test_scores_of_a_confusion_matrix_by_hand():
    confusion = np.array([[3, 1, 0], [0, 2, 2], [1, 0, 1]])
    assert scores_of(confusion, "acc") == pytest.approx(0.6)
    assert scores_of(confusion, "confusion", (1, 2)) == 0.5
    precision, recall = np.mean([3 / 4, 2 / 3, 1 / 3]), np.mean([3 / 4, 1 / 2, 1 / 2])
    assert scores_of(confusion, "f1") == pytest.approx(2 * precision * recall / (precision + recall))
    labels, said = np.repeat([0, 1, 2], [4, 4, 2]), np.array([0, 0, 0, 1, 1, 1, 2, 2, 0, 2])
    assert score(labels, said, 3).f1 == pytest.approx(float(scores_of(confusion, "f1")))
    value, low, high = bootstrap(confusion[None], "uf1")
    assert low == high == value == pytest.approx(float(scores_of(confusion, "uf1")))


def test_a_run_is_shown_the_papers_fullest_row():
    fr = published("fr", "cde")
    assert fr["full"] == {"uf1": 0.7838, "uar": 0.7832} and fr["samm"]["uar"] == 0.7155
    assert fr["source"].startswith("paper 002, table 2")
    assert published("ststnet-plain", "cde") == published("ststnet", "cde")
    assert published("atnet", "hde")["casme2"] == {"uf1": 0.523, "uar": 0.501}
    assert published("rcn", "cde")["full"]["uf1"] == 0.7432 and published("linear", "cde") is None


@pytest.mark.parametrize(
    ("epochs", "training", "said"),
    [
        (20, {}, "20 epochs, not 500"),
        (500, {"weights": "ab12"}, "begun on pretrained weights"),
        (500, {"precision": "bfloat16"}, "trained in bfloat16"),
    ],
)
def test_a_run_that_is_not_by_the_recipe_fills_no_cell_and_stands_there_marked(
    tmp_path, epochs, training, said
):
    labels = np.arange(30) % 3
    common = ("cde", "ststnet", labels, labels, CLASSES, ["casme2"] * 30)
    write_run(tmp_path / "smoke", *common, epochs=epochs, seeds=(0,), training=training)
    (row,) = rows_of(fill("002", find_runs([tmp_path])), "2", "STSTNet")
    cell = row["cells"][0]
    assert cell["measured"] == 1.0 and cell["difference"] is None and cell["otherwise"] == [said]
    assert row["status"].endswith("not as in the paper")
    filled = fill("002", find_runs([tmp_path]))
    assert any(said in note for table in filled["tables"] for note in table["notes"])
    assert "otherwise 1.0000" in markdown(filled) and "ours 1.0000" not in markdown(filled)
    write_run(tmp_path / "whole", *common, epochs=500)
    (row,) = rows_of(fill("002", find_runs([tmp_path])), "2", "STSTNet")
    assert row["cells"][0]["difference"] is not None and row["cells"][0]["otherwise"] == []


def rows_of(filled, table, method):
    return [
        row
        for each in filled["tables"]
        if each["number"] == table
        for row in each["rows"]
        if row["method"] == method
    ]


VIDEO = {
    "apex_rule": "interframe",
    "flow": "TV-L1 opencv",
    "magnification": None,
    "errata": True,
    "tables": {},
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"apex_rule": None}, []),  # every apex is in its table
        ({"apex_rule": "motion"}, ["apexes by motion, not interframe"]),
        ({"flow": "TV-L1 precise"}, ["flow by TV-L1 precise, not TV-L1 opencv"]),
        ({"errata": False}, ["the tables' known mistakes not mended"]),
        ({"tables": {"casme2": "of no known version, 9 rows"}}, ["table of casme2 of no known version"]),
    ],
)
def test_a_run_that_measured_otherwise_fills_no_cell(tmp_path, changed, said):
    labels = np.arange(30) % 3
    common = ("cde", "fr", labels, labels, CLASSES, ["smic"] * 30)
    write_run(tmp_path / "r", *common, measured={**VIDEO, **changed})
    (row,) = rows_of(fill("002", find_runs([tmp_path])), "2", "FR (Ours)")
    cell = row["cells"][0]
    assert cell["otherwise"] == said and (cell["difference"] is None) == bool(said)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"recipe": "ours"}, ["optimiser adam, not rmsprop"]),
        ({"training": {"momentum": 0.8}}, ["momentum 0.8, not 0"]),
        ({"training": {"learning_rate": 5e-4}}, ["learning rate 0.0005, not 0.001"]),
        (
            {"measured": {}},
            ["what it measured is not recorded: run its command again, finished folds are kept"],
        ),
    ],
)
def test_a_run_by_another_recipe_is_named_for_what_differs(tmp_path, run, said):
    labels = np.arange(30) % 3
    write_run(tmp_path / "r", "cde", "fr", labels, labels, CLASSES, ["smic"] * 30, **run)
    (row,) = rows_of(fill("002", find_runs([tmp_path])), "2", "FR (Ours)")
    assert row["cells"][0]["otherwise"] == said and row["cells"][0]["difference"] is None


def test_atnet_asks_for_its_pretrained_weights(tmp_path):
    labels = np.arange(30) % 3
    common = ("cde", "atnet", labels, labels, CLASSES, ["smic"] * 30)
    video = {**VIDEO, "apex_rule": "middle"}
    write_run(tmp_path / "without", *common, measured=video, training={"weights": None})
    (row,) = rows_of(fill("001", find_runs([tmp_path])), "II", "ATNet, fusion")
    assert row["cells"][0]["otherwise"] == ["not begun on weights of macro-expressions"]
    write_run(tmp_path / "with", *common, measured=video)
    (row,) = rows_of(fill("001", find_runs([tmp_path])), "II", "ATNet, fusion")
    assert row["cells"][0]["otherwise"] == [] and row["cells"][0]["difference"] is not None


@pytest.mark.parametrize("number", PAPERS)
def test_every_row_has_its_command_and_the_command_says_what_the_row_asks_for(number, tmp_path):
    rows = commands(number)
    wanted = {
        (table.number, row.title, column.protocol)
        for table in open_paper(number)
        for row in table.rows
        for column, value in zip(table.columns, row.values, strict=True)
        if row.model and value is not None and column.protocol != "mean"
    }
    assert {(row["table"], row["method"], row["protocol"]) for row in rows} == wanted
    by_out = {}
    for row in rows:
        words = row["command"].split()
        given = dict(zip(words[2::2], words[3::2], strict=True))
        assert by_out.setdefault(given["--out"], row["command"]) == row["command"]  # one folder, one command
        model, protocol = given["--model"], given["--protocol"]
        network = open_recogniser(model).network
        recipe = network and network.recipe_of(given.get("--recipe", "ours"), protocol)
        assert protocol == row["protocol"] and PROTOCOLS[protocol]
        assert given.get("--flow") in (None, "opencv")
        own = recipe.apex if recipe and "--recipe" in given else MEASURED[number].apex
        assert given.get("--apex") in (None, own)


def test_commands_of_smics_cameras_name_its_folder_once():
    lines = [
        row["command"]
        for row in commands("002")
        if row["protocol"] == "cdmer-1" and row["method"] == "FR (Ours)"
    ]
    assert lines and all(line.count("--data smic=SMIC") == 1 and "smic-vis" not in line for line in lines)
