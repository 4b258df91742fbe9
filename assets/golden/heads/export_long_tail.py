"""Golden values of the long-tail losses and of debLoRA's objective, with gradients.

Usage: python export_long_tail.py  (writes long_tail.json beside this file)
The formulas are those of the papers, written out over torch's own operations: focal loss (Lin et al. 2017), LDAM (Cao et al. 2019),
logit adjustment (Menon et al. 2021), ResLT (Cui et al. 2021), SADE (Zhang et al. 2022), debLoRA
(Tian et al. 2024, fourth step). Inputs are literal formulas; computed in float64 on numbers that float32 holds.
"""

import json
import math
import pathlib
import platform

import torch
import torch.nn.functional as F

ROWS, CLASSES = 9, 4
COUNTS = [40, 11, 5, 2]
GROUPS = [0, 1, 1, 2]  # head, middle, middle, tail


def single(values):
    return torch.tensor(values, dtype=torch.float64).to(torch.float32).to(torch.float64)


def logits(salt, scale=2.0):
    return single([[scale * math.sin(1.3 * r + 2.1 * c * c + 0.4 + salt) for c in range(CLASSES)] for r in range(ROWS)])


TARGETS = torch.tensor([(3 * r + 1) % CLASSES for r in range(ROWS)])
PRIOR = torch.tensor(COUNTS, dtype=torch.float64) / sum(COUNTS)


def focal(x, weight, gamma):
    nll = F.cross_entropy(x, TARGETS, reduction="none")
    each = (1 - torch.exp(-nll)) ** gamma * nll
    if weight is None:
        return each.mean()
    w = torch.tensor(weight, dtype=torch.float64)[TARGETS]
    return (w * each).sum() / w.sum()


def ldam(x, weight, max_margin, scale):
    margins = torch.tensor([n**-0.25 for n in COUNTS], dtype=torch.float64)
    margins = margins * (max_margin / margins.max())
    shifted = x - F.one_hot(TARGETS, CLASSES) * margins
    w = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    return F.cross_entropy(scale * shifted, TARGETS, weight=w)


def adjusted(x, weight, tau):
    w = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    return F.cross_entropy(x + tau * PRIOR.log(), TARGETS, weight=w)


def single_head(name, kind, function, weight=None, size=2.0, **options):
    x = logits(0.0, size).requires_grad_()
    loss = function(x, weight, **options)
    loss.backward()
    return {
        "name": name,
        "loss": {"kind": kind, **options},
        "weights": weight,
        "logits": x.detach().flatten().tolist(),
        "value": loss.item(),
        "gradient": x.grad.flatten().tolist(),
    }


WEIGHT = [0.5, 1.0, 2.0, 4.0]
heads = [
    single_head("focal", "focal", focal, gamma=2.0),
    single_head("focal 0.5 weighted", "focal", focal, WEIGHT, gamma=0.5),
    single_head("focal 0", "focal", focal, gamma=0.0),
    single_head("ldam", "ldam", ldam, size=0.9, max_margin=0.5, scale=30.0),
    single_head("ldam drw", "ldam", ldam, WEIGHT, size=0.9, max_margin=0.3, scale=10.0),
    single_head("adjusted", "logit_adjusted", adjusted, tau=1.0),
    single_head("adjusted weighted", "logit_adjusted", adjusted, WEIGHT, tau=1.7),
]


def reslt(all_rows, middle, tail, beta):
    """Residual fusion: one loss on the sum, one on every branch over the rows it is for."""
    group = torch.tensor(GROUPS)[TARGETS]
    branch, count = 0.0, 0
    for x, least in [(all_rows, 0), (middle, 1), (tail, 2)]:
        rows = group >= least
        branch = branch + F.cross_entropy(x[rows], TARGETS[rows], reduction="sum")
        count += int(rows.sum())
    return (1 - beta) * F.cross_entropy(all_rows + middle + tail, TARGETS) + beta * branch / count


def sade(first, second, third, tau):
    """Three experts, for the long tail, for equal classes, for the reversed long tail."""
    order = torch.argsort(PRIOR)
    reverse = torch.empty_like(PRIOR)
    reverse[order] = PRIOR[order.flip(0)]
    return (
        F.cross_entropy(first, TARGETS)
        + F.cross_entropy(second + PRIOR.log(), TARGETS)
        + F.cross_entropy(third + PRIOR.log() - tau * reverse.log(), TARGETS)
    )


def branches(name, function, **options):
    x = [logits(salt).requires_grad_() for salt in (0.0, 1.0, 2.5)]
    loss = function(*x, **options)
    loss.backward()
    return {
        "name": name,
        **options,
        "logits": [v.detach().flatten().tolist() for v in x],
        "value": loss.item(),
        "gradient": [v.grad.flatten().tolist() for v in x],
    }


def similarity(weights):
    """SADE's test-time objective: how much the aggregated predictions of two views agree."""
    w = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    mixed = torch.softmax(w, 0)
    views = []
    for shift in (0.0, 0.35):
        x = sum(mixed[k] * logits(salt + shift) for k, salt in enumerate((0.0, 1.0, 2.5)))
        views.append(torch.softmax(x, 1))
    value = F.cosine_similarity(views[0], views[1], dim=1, eps=1e-6).mean()
    value.backward()
    return {
        "weights": weights,
        "views": [[logits(salt + shift).flatten().tolist() for salt in (0.0, 1.0, 2.5)] for shift in (0.0, 0.35)],
        "value": value.item(),
        "gradient": w.grad.tolist(),
    }


DIM = 5


def rows(count, salt):
    return single([[math.cos(0.9 * r + 1.7 * k + salt) for k in range(DIM)] for r in range(count)])


def objective(name, squared, keep):
    g, target = rows(6, 0.1).requires_grad_(), rows(6, 0.7)
    kept, original = rows(4, 2.0).requires_grad_(), rows(4, 2.3)

    def mean(a, b):
        norm = torch.linalg.vector_norm(a - b, dim=1)
        return (norm**2 if squared else norm).mean()

    loss = mean(g, target) + keep * mean(kept, original)
    loss.backward()
    return {
        "name": name,
        "config": {"squared": squared, "keep": keep},
        "outputs": g.detach().flatten().tolist(),
        "targets": target.flatten().tolist(),
        "kept": kept.detach().flatten().tolist(),
        "originals": original.flatten().tolist(),
        "value": loss.item(),
        "gradient": g.grad.flatten().tolist(),
        "kept_gradient": kept.grad.flatten().tolist(),
    }


out = {
    "versions": {"python": platform.python_version(), "torch": torch.__version__},
    "classes": CLASSES,
    "counts": COUNTS,
    "groups": GROUPS,
    "targets": TARGETS.tolist(),
    "losses": heads,
    "reslt": [branches("reslt", reslt, beta=0.9), branches("reslt half", reslt, beta=0.5)],
    "sade": [branches("sade", sade, tau=2.0)],
    "similarity": [similarity([1 / 3, 1 / 3, 1 / 3]), similarity([0.2, -0.4, 1.1])],
    "dim": DIM,
    "objective": [
        objective("norm", False, 0.0),
        objective("norm and keep", False, 0.7),
        objective("squared and keep", True, 1.3),
    ],
}
pathlib.Path(__file__).with_name("long_tail.json").write_text(json.dumps(out, indent=1) + "\n")
