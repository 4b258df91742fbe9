"""Golden parameters after a few steps of torch.optim.AdamW and SGD, with and without clip_grad_norm_.

Usage: python export_optimizers.py  (writes optimizers.json beside this file)
Parameters and gradients are literal formulas, no random numbers; float64 throughout.
"""

import json
import math
import pathlib
import platform

import torch

STEPS = 6
SHAPES = {"matrix": (2, 3), "vector": (3,)}


def start(name):
    n = math.prod(SHAPES[name])
    return [math.sin(0.9 * i + len(name)) for i in range(n)]


def gradient(name, step):
    n = math.prod(SHAPES[name])
    # The scale changes from step to step, so that moments matter; one entry is always zero.
    return [0.0 if i == 1 else 3.0 * math.cos(1.1 * i + 0.7 * step * step + len(name)) / (1 + step) for i in range(n)]


CASES = [
    {"name": "adamw_decay_all", "kind": "adam_w", "lr": 1e-2, "weight_decay": 0.05, "decay_vectors": True,
     "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    {"name": "adamw_decay_matrices", "kind": "adam_w", "lr": 3e-3, "weight_decay": 0.3, "decay_vectors": False,
     "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-3},
    {"name": "sgd_plain", "kind": "sgd", "lr": 0.1, "weight_decay": 0.0, "decay_vectors": True,
     "momentum": 0.0, "nesterov": False},
    {"name": "sgd_momentum", "kind": "sgd", "lr": 0.05, "weight_decay": 0.01, "decay_vectors": True,
     "momentum": 0.9, "nesterov": False},
    {"name": "sgd_nesterov", "kind": "sgd", "lr": 0.05, "weight_decay": 0.01, "decay_vectors": False,
     "momentum": 0.8, "nesterov": True},
    {"name": "sgd_clipped", "kind": "sgd", "lr": 0.1, "weight_decay": 0.0, "decay_vectors": True,
     "momentum": 0.9, "nesterov": False, "clip": 1.5},
]


def run(case):
    params = {n: torch.tensor(start(n), dtype=torch.float64).reshape(s).requires_grad_() for n, s in SHAPES.items()}
    vector_decay = case["weight_decay"] if case["decay_vectors"] else 0.0
    groups = [
        {"params": [params["matrix"]], "weight_decay": case["weight_decay"]},
        {"params": [params["vector"]], "weight_decay": vector_decay},
    ]
    if case["kind"] == "adam_w":
        opt = torch.optim.AdamW(groups, lr=case["lr"], betas=(case["beta1"], case["beta2"]), eps=case["epsilon"])
    else:
        opt = torch.optim.SGD(groups, lr=case["lr"], momentum=case["momentum"], nesterov=case["nesterov"])
    history, norms = [], []
    for step in range(STEPS):
        for n, p in params.items():
            p.grad = torch.tensor(gradient(n, step), dtype=torch.float64).reshape(p.shape)
        norm = torch.nn.utils.clip_grad_norm_(params.values(), case.get("clip", float("inf")))
        norms.append(norm.item())
        opt.step()
        history.append({n: p.detach().flatten().tolist() for n, p in params.items()})
    return case | {"history": history, "norms": norms}


out = {
    "versions": {"python": platform.python_version(), "torch": torch.__version__},
    "start": {n: start(n) for n in SHAPES},
    "gradients": [{n: gradient(n, s) for n in SHAPES} for s in range(STEPS)],
    "cases": [run(c) for c in CASES],
}
pathlib.Path(__file__).with_name("optimizers.json").write_text(json.dumps(out, indent=1) + "\n")
