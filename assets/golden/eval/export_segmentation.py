"""Writes segmentation.json: scores of label masks by torchmetrics, for the tests of the crate `eval`.

    python assets/golden/eval/export_segmentation.py

The masks are drawn from a seeded generator but stored in the file. `pangaea_miou` is the definition of the PANGAEA benchmark without
its epsilon: intersection over union of every class of the list, 0 for a class that occurs nowhere, averaged over the list.
"""

import json
import pathlib

import torch
import torchmetrics
from torchmetrics.functional import classification as c

PINNED = {"torch": "2.11.0", "torchmetrics": "1.9.0"}
FOUND = {"torch": torch.__version__.split("+")[0], "torchmetrics": torchmetrics.__version__}
assert PINNED == FOUND, f"expected {PINNED}, found {FOUND}"
HERE = pathlib.Path(__file__).parent
generator = torch.Generator().manual_seed(11)
IGNORE = -1


def case(name, classes, truth, predicted):
    kept = truth != IGNORE
    iou = []
    for k in range(classes):
        both = ((truth == k) & (predicted == k) & kept).sum().item()
        either = (((truth == k) | (predicted == k)) & kept).sum().item()
        iou.append(both / either if either else None)
    t, p = truth[None], predicted[None]

    def macro(metric):
        return metric(p, t, num_classes=classes, average="macro", ignore_index=IGNORE).double().item()

    return {
        "name": name, "classes": classes, "truth": truth.flatten().tolist(), "predicted": predicted.flatten().tolist(),
        "accuracy": c.multiclass_accuracy(p, t, classes, average="micro", ignore_index=IGNORE).double().item(),
        "miou_present": macro(c.multiclass_jaccard_index), "macro_f1_present": macro(c.multiclass_f1_score),
        "iou": c.multiclass_jaccard_index(p, t, classes, average="none", ignore_index=IGNORE).double().tolist(),
        "present": [value is not None for value in iou],
        "pangaea_miou": sum(value or 0.0 for value in iou) / classes,
    }


def masks(classes, right, ignored, absent=()):
    truth = torch.randint(0, classes, (9, 11), generator=generator)
    for k in absent:
        truth[truth == k] = 0
    other = torch.randint(0, classes, (9, 11), generator=generator)
    for k in absent:
        other[other == k] = 0
    predicted = torch.where(torch.rand(9, 11, generator=generator) < right, truth, other)
    truth[torch.rand(9, 11, generator=generator) < ignored] = IGNORE
    return truth, predicted


cases = [
    case("two classes", 2, *masks(2, 0.7, 0.0)),
    case("ignored pixels", 4, *masks(4, 0.6, 0.2)),
    case("classes that occur nowhere", 6, *masks(6, 0.5, 0.1, (2, 5))),
    case("perfect", 3, *masks(3, 1.0, 0.1)),
]
# A class that is predicted but never true.
truth, predicted = masks(4, 0.8, 0.1, (3,))
predicted[0, :5] = 3
cases.append(case("predicted but never true", 4, truth, predicted))
(HERE / "segmentation.json").write_text(json.dumps({"versions": FOUND, "cases": cases}) + "\n")
