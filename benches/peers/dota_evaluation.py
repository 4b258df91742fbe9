"""Times the DOTA development kit's Task 1 evaluation beside `dota_eval`, the example program of the crate `eval`, on the same files.

    cargo build --release -p eval --example dota_eval
    pip install numpy==2.4.6 shapely==2.2.0 opencv-python-headless==5.0.0.93 swig==4.5.1
    python benches/peers/dota_evaluation.py target/release/examples/dota_eval [--images 200] [--runs 5]

Both are whole programs' work: reading label and result files, matching, average precision of every class. The kit runs in this process (its
imports are not timed; its overlap is the compiled polyiou) and its printing goes nowhere; `dota_eval` is timed from start to exit. Runs alternate;
medians, their ratio and the largest difference of an AP are printed.
"""

import argparse
import contextlib
import io
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "assets/golden/oriented-boxes"))
from devkit import Kit, corners  # noqa: E402

CLASSES = [
    "plane", "baseball-diamond", "bridge", "ground-track-field", "small-vehicle", "large-vehicle", "ship", "tennis-court", "basketball-court",
    "storage-tank", "soccer-ball-field", "roundabout", "harbor", "swimming-pool", "helicopter",
]  # fmt: skip


def write_files(folder, images, rng):
    """About 60 objects and 90 detections per image of 2,000 pixels, long-tailed by class."""
    share = 0.75 ** np.arange(len(CLASSES))
    share /= share.sum()
    labels = folder / "labelTxt"
    results = folder / "results"
    labels.mkdir()
    results.mkdir()
    found = {name: [] for name in CLASSES}

    def line(box):
        return " ".join(f"{v:.1f}" for p in corners(*box) for v in p)

    def any_box():
        w, h = np.exp(rng.uniform(np.log(8), np.log(120), 2))
        return np.array([*rng.uniform(0, 2000, 2), w, h, rng.uniform(-np.pi / 2, np.pi / 2)])

    for k in range(images):
        name = f"P{k:04d}"
        lines = ["imagesource:synthetic", "gsd:null"]
        for _ in range(int(rng.integers(30, 90))):
            box = any_box()
            label = rng.choice(CLASSES, p=share)
            lines.append(f"{line(box)} {label} {int(rng.random() < 0.1)}")
            for _ in range(int(rng.choice([0, 1, 1, 2]))):
                near = box + rng.normal(0, 0.08, 5) * [box[2], box[3], box[2], box[3], 1]
                found[label].append(f"{name} {rng.random():.9f} {line(near)}")
            if rng.random() < 0.5:
                found[rng.choice(CLASSES, p=share)].append(f"{name} {rng.random():.9f} {line(any_box())}")
        (labels / f"{name}.txt").write_text("\n".join(lines) + "\n")
    for name, lines in found.items():
        (results / f"Task1_{name}.txt").write_text("\n".join(lines) + "\n")
    (folder / "set").write_text("\n".join(f"P{k:04d}" for k in range(images)) + "\n")
    return labels, results, sum(map(len, found.values()))


parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--images", type=int, default=200)
parser.add_argument("--runs", type=int, default=5)
arguments = parser.parse_args()
kit = Kit()
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    labels, results, detections = write_files(folder, arguments.images, np.random.default_rng(5))
    ours, theirs = [], []
    for _ in range(arguments.runs):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            kit_aps = [
                kit.task1.voc_eval(str(results / "Task1_{:s}.txt"), str(labels / "{:s}.txt"), str(folder / "set"), name, 0.5, True)[2]
                for name in CLASSES
            ]
        theirs.append(time.perf_counter() - start)
        start = time.perf_counter()
        command = [arguments.program, "--results", str(results), "--labels", str(labels), "--json"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        ours.append(time.perf_counter() - start)
    our_aps = [c["ap"] for c in json.loads(output)["thresholds"][0]["classes"]]
    difference = max(abs(a - b) for a, b in zip(our_aps, kit_aps))
    a, b = statistics.median(theirs), statistics.median(ours)
    print(f"{arguments.images} images, {detections} detections, {len(CLASSES)} classes, {arguments.runs} runs")
    print(f"development kit: median {a:.3f} s ({min(theirs):.3f} to {max(theirs):.3f})")
    print(f"dota_eval:       median {b:.4f} s ({min(ours):.4f} to {max(ours):.4f})")
    print(f"ratio of medians {a / b:.0f}, largest difference of an AP {difference:.1e}")
