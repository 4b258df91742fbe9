"""Writes evaluation.json: average precision of the DOTA development kit and of mmrotate on the same detections.

    python assets/golden/oriented-boxes/export_evaluation.py

Each case holds the text of its labelTxt and Task 1 files; the development kit reads them from disk. Scores are all different, because the
kit leaves the order of equal ones to numpy. See devkit.py for where the evaluators come from.
"""

import contextlib
import io
import json
import pathlib
import tempfile
import warnings

import numpy as np
from devkit import Kit, corners, mmrotate

warnings.filterwarnings("ignore", category=RuntimeWarning)
HERE = pathlib.Path(__file__).parent
CLASSES = ["plane", "ship", "small-vehicle", "harbor"]
THRESHOLDS = [0.3, 0.5, 0.75]
rng = np.random.default_rng(21)


def boxes_of_image(n):
    place = rng.uniform(0, 400, (n, 2))
    sides = np.exp(rng.uniform(np.log(6), np.log(80), (n, 2)))
    return np.column_stack([place, sides, rng.uniform(-np.pi / 2, np.pi / 2, n)])


def case(name, images, most, moved, skewed, nine_fields, share_difficult=0.2):
    """Ground truth, and detections that are moved copies, doubles and inventions."""
    truth, found = {}, []
    for k in range(images):
        image = f"P{k:04d}"
        n = 0 if k == images - 1 else int(rng.integers(most // 3, most))
        boxes = boxes_of_image(n)
        labels = rng.choice(len(CLASSES), n, p=[0.2, 0.5, 0.2, 0.1])
        hard = (rng.random(n) < share_difficult).astype(int)
        truth[image] = [(boxes[i], int(labels[i]), int(hard[i])) for i in range(n)]
        for i in range(n):
            for _ in range(int(rng.choice([0, 1, 1, 1, 2]))):
                b = boxes[i] + rng.normal(0, moved, 5) * [boxes[i][2], boxes[i][3], boxes[i][2], boxes[i][3], 0.5]
                label = labels[i] if rng.random() < 0.9 else rng.integers(len(CLASSES))
                found.append((image, np.abs(b) * np.sign([1, 1, 1, 1, b[4]]), int(label)))
        for b in boxes_of_image(int(rng.integers(1, 5))):
            found.append((image, b, int(rng.integers(len(CLASSES)))))
    # The kit cannot read a file without detections.
    for label, b in enumerate(boxes_of_image(len(CLASSES))):
        found.append(("P0000", b, label))
    scores = np.round(rng.permutation(len(found)) / len(found) * 0.98 + 0.01, 6)
    quads = {}

    def quad(key, b):
        points = np.array(corners(*b))
        if skewed:
            points += rng.normal(0, skewed, points.shape) * min(b[2], b[3])
        return quads.setdefault(key, [float(np.round(v, 3)) for p in points for v in p])

    label_files, result_files = {}, {c: [] for c in CLASSES}
    for image, objects in truth.items():
        lines = ["imagesource:GoogleEarth", "gsd:0.146"] if not nine_fields else []
        for i, (b, label, hard) in enumerate(objects):
            coordinates = " ".join(map(str, quad((image, i), b)))
            tail = "" if nine_fields and not hard else f" {hard}"
            lines.append(f"{coordinates} {CLASSES[label]}{tail}")
        label_files[image] = "\n".join(lines) + "\n"
    for i, (image, b, label) in enumerate(found):
        coordinates = " ".join(map(str, quad(i, b)))
        result_files[CLASSES[label]].append(f"{image} {scores[i]} {coordinates}")
    result_files = {c: "\n".join(lines) + "\n" for c, lines in result_files.items()}
    assert len(set(scores)) == len(scores) and all(len(text) > 1 for text in result_files.values())
    boxes = {"truth": truth, "found": [(*f, s) for f, s in zip(found, scores)]}
    return {"name": name, "labels": label_files, "results": result_files}, boxes


def run_kit(module, data):
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for image, text in data["labels"].items():
            (folder / f"{image}.txt").write_text(text)
        for name, text in data["results"].items():
            (folder / f"Task1_{name}.txt").write_text(text)
        (folder / "set").write_text("\n".join(data["labels"]) + "\n")
        for threshold in THRESHOLDS:
            for voc07 in (True, False):
                aps = []
                for name in CLASSES:
                    with contextlib.redirect_stdout(io.StringIO()):
                        rec, prec, ap = module.voc_eval(
                            str(folder / "Task1_{:s}.txt"), str(folder / "{:s}.txt"), str(folder / "set"), name, threshold, voc07
                        )
                    # Without a positive the kit divides 0 by 0.
                    ap, recall = (float(v) if np.isfinite(rec[-1]) else None for v in (ap, rec[-1]))
                    aps.append({"ap": ap, "recall": recall, "precision": float(prec[-1])})
                out[f"{threshold} {'voc07' if voc07 else 'area'}"] = aps
    return out


def run_mmrotate(eval_map, data, boxes):
    """eval_rbbox_map without its pool of processes, on boxes instead of their rounded corners."""

    class Pool:
        def starmap(self, f, rows):
            return [f(*row) for row in rows]

        def close(self):
            pass

    eval_map.get_context = lambda _: type("Context", (), {"Pool": staticmethod(lambda n: Pool())})
    results, annotations = [], []
    for image in data["labels"]:
        per_class = []
        for label in range(len(CLASSES)):
            rows = [[*b, s] for im, b, c, s in boxes["found"] if im == image and c == label]
            per_class.append(np.array(rows, dtype=np.float32).reshape(-1, 6))
        results.append(per_class)
        easy = [(b, c) for b, c, hard in boxes["truth"][image] if not hard]
        hard = [(b, c) for b, c, hard in boxes["truth"][image] if hard]
        annotations.append({
            "bboxes": np.array([b for b, _ in easy], dtype=np.float32).reshape(-1, 5),
            "labels": np.array([c for _, c in easy], dtype=int),
            "bboxes_ignore": np.array([b for b, _ in hard], dtype=np.float32).reshape(-1, 5),
            "labels_ignore": np.array([c for _, c in hard], dtype=int),
        })
    out = {}
    for threshold in THRESHOLDS:
        for voc07 in (True, False):
            mean, per_class = eval_map.eval_rbbox_map(
                results, annotations, iou_thr=threshold, use_07_metric=voc07, logger="silent"
            )
            key = f"{threshold} {'voc07' if voc07 else 'area'}"
            out[key] = {"mean": float(mean), "ap": [float(r["ap"]) for r in per_class]}
    return out


kit = Kit()
eval_map, _ = mmrotate()
cases = []
for arguments in (
    ("boxes", 6, 14, 0.06, 0.0, False),
    ("precise boxes", 5, 12, 0.02, 0.0, True),
    ("skewed quadrilaterals", 6, 14, 0.06, 0.08, False),
    ("crowded", 2, 50, 0.1, 0.0, False),
    ("mostly difficult", 5, 12, 0.05, 0.0, False, 0.7),
):
    data, boxes = case(*arguments)
    data["kit"] = run_kit(kit.task1, data)
    data["kit_v1_5"] = run_kit(kit.task1_v15, data)
    # Skewed corners are no boxes, so mmrotate would be given something else.
    if arguments[4] == 0.0:
        data["mmrotate"] = run_mmrotate(eval_map, data, boxes)
    cases.append(data)
golden = {"classes": CLASSES, "thresholds": THRESHOLDS, "cases": cases}
(HERE / "evaluation.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
for data in cases:
    print(data["name"], data["kit"]["0.5 voc07"], data.get("mmrotate", {}).get("0.5 voc07"))
