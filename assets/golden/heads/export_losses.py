"""Golden values of the cross-entropy loss and its gradient, from torch.nn.CrossEntropyLoss.

Usage: python export_losses.py  (writes losses.json beside this file)
Inputs are literal formulas, no random numbers; computed in float64, stored as float64.
"""

import json
import math
import pathlib
import platform

import torch

ROWS, CLASSES = 7, 4


def logits(scale):
    return [[scale * math.sin(1.3 * r + 2.1 * c * c + 0.4) for c in range(CLASSES)] for r in range(ROWS)]


CASES = [
    {"name": "plain"},
    {"name": "weights", "weights": [0.5, 2.0, 1.25, 0.0]},
    {"name": "ignore", "ignore_index": 255},
    {"name": "smoothing", "smoothing": 0.1},
    {"name": "weights_smoothing_ignore", "weights": [0.5, 2.0, 1.25, 3.0], "smoothing": 0.2, "ignore_index": 255},
    {"name": "negative_ignore", "ignore_index": -100, "smoothing": 0.3},
    {"name": "extreme_logits", "scale": 1e4, "weights": [1.0, 2.0, 3.0, 4.0]},
]


def run(case):
    scale = case.get("scale", 2.0)
    ignore = case.get("ignore_index")
    x = torch.tensor(logits(scale), dtype=torch.float64)
    # Targets and logits must be the numbers that f32 sees.
    x = x.to(torch.float32).to(torch.float64).requires_grad_()
    targets = [(3 * r + 1) % CLASSES for r in range(ROWS)]
    if ignore is not None:
        targets[1] = targets[4] = ignore
    weights = case.get("weights")
    loss = torch.nn.CrossEntropyLoss(
        weight=None if weights is None else torch.tensor(weights, dtype=torch.float64),
        ignore_index=-100 if ignore is None else ignore,
        label_smoothing=case.get("smoothing", 0.0),
    )(x, torch.tensor(targets))
    loss.backward()
    return {
        "name": case["name"],
        "classes": CLASSES,
        "logits": x.detach().flatten().tolist(),
        "targets": targets,
        "weights": weights,
        "ignore_index": ignore,
        "smoothing": case.get("smoothing", 0.0),
        "loss": loss.item(),
        "gradient": x.grad.flatten().tolist(),
    }


out = {
    "versions": {"python": platform.python_version(), "torch": torch.__version__},
    "cases": [run(c) for c in CASES],
}
pathlib.Path(__file__).with_name("losses.json").write_text(json.dumps(out, indent=1) + "\n")
