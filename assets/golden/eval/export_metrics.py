"""Writes metrics.json and stats.json: values of scikit-learn and scipy for the tests of the crate `eval`.

    python assets/golden/eval/export_metrics.py

Versions are pinned (and stored in the files): scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6. The labels are drawn from a seeded
generator but stored in the file, so the tests do not depend on it.
"""

import json
import pathlib
import warnings

import numpy as np
import scipy
import scipy.special
import scipy.stats
import sklearn
from sklearn import metrics as m

PINNED = {"scikit-learn": "1.9.1", "scipy": "1.17.1", "numpy": "2.4.6"}
FOUND = {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__}
assert PINNED == FOUND, f"expected {PINNED}, found {FOUND}"
HERE = pathlib.Path(__file__).parent
warnings.filterwarnings("ignore")


def none(x):
    x = float(x)
    return x if np.isfinite(x) else None


def group_official(y, p, group):
    """The released debLoRA code: mask by true label, then sklearn's macro F1 over every label that occurs."""
    keep = np.isin(y, group)
    return none(m.f1_score(y[keep], p[keep], average="macro")) if keep.any() else None


def group_clean(y, p, group, classes):
    f1 = m.f1_score(y, p, labels=range(classes), average=None, zero_division=0)
    return none(np.mean(f1[group]))


def ece(y, prob, bins):
    """Equal-width bins (lo, hi], as in the code of Guo et al. 2017."""
    conf, pred = prob.max(1), prob.argmax(1)
    edges = np.linspace(0, 1, bins + 1)
    total, worst = 0.0, 0.0
    for lo, hi in zip(edges[:-1], edges[1:]):
        inside = (conf > lo) & (conf <= hi)
        if inside.any():
            gap = abs((pred[inside] == y[inside]).mean() - conf[inside].mean())
            total += gap * inside.mean()
            worst = max(worst, gap)
    return total, worst


def case(name, classes, y, p, groups, logits=None):
    y, p = np.asarray(y), np.asarray(p)
    every = range(classes)
    union = np.union1d(y, p)
    out = {
        "name": name, "classes": classes, "truth": y.tolist(), "predicted": p.tolist(), "groups": groups,
        "confusion": m.confusion_matrix(y, p, labels=every).tolist(),
        "accuracy": none(m.accuracy_score(y, p)),
        "balanced_accuracy": none(m.balanced_accuracy_score(y, p)),
        "kappa": none(m.cohen_kappa_score(y, p)),
        "weighted_f1": none(m.f1_score(y, p, average="weighted")),
        "present": [none(f(y, p, average="macro", zero_division=0))
                    for f in (m.precision_score, m.recall_score, m.f1_score, m.jaccard_score)],
        "all": [none(f(y, p, labels=every, average="macro", zero_division=0))
                for f in (m.precision_score, m.recall_score, m.f1_score, m.jaccard_score)],
        "per_class_present": {int(c): [none(v) for v in row] for c, *row in zip(
            union, *m.precision_recall_fscore_support(y, p, labels=union, zero_division=np.nan)[:3],
            m.jaccard_score(y, p, labels=union, average=None))},
        "group_official": [group_official(y, p, g) for g in groups],
        "group_clean": [group_clean(y, p, g, classes) for g in groups],
    }
    if logits is not None:
        prob = scipy.special.softmax(logits.astype(np.float64), axis=1)
        out["logits"] = logits.reshape(-1).tolist()
        out["log_loss"] = none(m.log_loss(y, prob, labels=every))
        out["brier"] = none(np.mean(((prob - np.eye(classes)[y]) ** 2).sum(1)))
        out["top_k"] = {k: none(m.top_k_accuracy_score(y, prob, k=k, labels=every)) for k in (1, 2, 3)}
        out["ece"] = {b: list(map(none, ece(y, prob, b))) for b in (5, 10, 15)}
    return out


def noisy(rng, n, classes, weights, right):
    y = rng.choice(classes, n, p=weights)
    p = np.where(rng.random(n) < right, y, rng.integers(0, classes, n))
    return y, p


rng = np.random.default_rng(7)
cases = [case("three by three", 3, [0] * 5 + [1] * 3 + [2] * 2, [0, 0, 0, 1, 2, 1, 1, 0, 2, 1], [[0], [1, 2]])]
y, p = noisy(rng, 120, 6, [.45, .25, .15, .08, .04, .03], .7)
cases.append(case("long tail", 6, y, p, [[0, 1], [2, 3], [4, 5]]))
# Class 3 never occurs, class 4 is predicted but never true, class 5 is true but never predicted.
y = rng.choice([0, 1, 2, 5], 60)
p = np.where(rng.random(60) < .6, np.where(y == 5, 0, y), rng.choice([0, 1, 4], 60))
cases.append(case("absent classes", 6, y, p, [[0, 1], [2, 3], [4, 5]]))
cases.append(case("perfect", 4, [0, 1, 2, 3, 0], [0, 1, 2, 3, 0], [[0], [1, 2, 3]]))
cases.append(case("all wrong", 3, [0, 1, 2, 0], [1, 2, 0, 2], [[0, 1], [2]]))
cases.append(case("one class", 2, [0, 0, 0], [0, 0, 0], [[0], [1]]))
y = rng.integers(0, 5, 80)
logits = (rng.normal(0, 1.5, (80, 5)) + 2.0 * np.eye(5)[y]).round(3).astype(np.float32)
cases.append(case("probabilities", 5, y, logits.argmax(1), [[0, 1], [2], [3, 4]], logits))
(HERE / "metrics.json").write_text(json.dumps({"versions": FOUND, "cases": cases}) + "\n")

scores = rng.normal(.8, .03, (5, 12)).round(6)
stats = {
    "versions": FOUND,
    "t_quantile": [[df, q, none(scipy.stats.t.ppf(q, df))] for df in (1, 2, 3, 4.5, 7, 9, 29, 120, 10000)
                   for q in (.5, .6, .9, .95, .975, .995, .9999, .025, 1e-6)],
    "t_tail": [[df, t, none(scipy.stats.t.sf(t, df))] for df in (1, 3, 9, 30, 1000) for t in (0, .001, .5, 1, 2.5, 8, 40)],
    "incomplete_beta": [[a, b, x, none(scipy.special.betainc(a, b, x))] for a in (.5, 1, 4, 60) for b in (.5, 2, 25)
                        for x in (.001, .2, .5, .9, .999)],
    "ln_gamma": [[x, none(scipy.special.gammaln(x))] for x in (.001, .3, .5, 1, 1.5, 2, 3.7, 10, 171, 1e5)],
    "normal_tail": [[z, none(scipy.stats.norm.sf(z))] for z in (0, .1, 1, 1.9, 2, 2.1, 3, 6, 12, -1.5)],
    "samples": [{
        "values": row.tolist(), "mean": none(row.mean()), "std": none(row.std(ddof=1)),
        "t95": [none(v) for v in scipy.stats.t.interval(.95, len(row) - 1, row.mean(), scipy.stats.sem(row))],
        "quantiles": [[q, none(np.quantile(row, q))] for q in (0, .025, .3, .5, .975, 1)],
    } for row in scores],
    "wilcoxon": [],
}
for n, shift in ((6, .5), (8, .9), (15, .2), (40, .3)):
    d = rng.normal(shift, 1, n).round(6)
    w = scipy.stats.wilcoxon(d, method="exact")
    stats["wilcoxon"].append([d.tolist(), True, none(w.statistic), none(w.pvalue)])
d = rng.normal(.15, 1, 150).round(1)  # with ties and zeros
w = scipy.stats.wilcoxon(d, method="asymptotic", zero_method="wilcox", correction=False)
stats["wilcoxon"].append([d.tolist(), False, none(w.statistic), none(w.pvalue)])
(HERE / "stats.json").write_text(json.dumps(stats) + "\n")
