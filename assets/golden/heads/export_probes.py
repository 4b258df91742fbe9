"""Golden values of the probes, from scikit-learn.

Usage: python export_probes.py  (writes probes.json beside this file)
Features are literal formulas rounded to float32, so that both sides see the same numbers; scikit-learn runs in float64.
"""

import json
import math
import pathlib
import platform

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler, normalize

N_TRAIN, N_TEST, DIM, CLASSES = 160, 60, 6, 4


def features(n, salt):
    rows = []
    for i in range(n):
        c = (i * i + i // 3 + salt) % CLASSES
        row = [math.sin(1.7 * i * (k + 1) + salt) + 0.9 * math.cos(c * (k + 1)) for k in range(DIM)]
        row[1] *= 250.0  # an outlier channel
        row[4] = 3.0  # a constant channel
        rows.append((row, c))
    x = np.array([r for r, _ in rows], dtype=np.float32).astype(np.float64)
    return x, [c for _, c in rows]


x, y = features(N_TRAIN, 0)
tx, ty = features(N_TEST, 1)
scaler = StandardScaler().fit(x)
z, tz = scaler.transform(x), scaler.transform(tx)

logistic = []
for l2, class_weight in [(1e-3, None), (1e-1, None), (1e-2, "balanced")]:
    model = LogisticRegression(
        C=1.0 / (N_TRAIN * l2), solver="lbfgs", tol=1e-12, max_iter=20000, class_weight=class_weight
    ).fit(z, y)
    counts = np.bincount(y)
    weight = None if class_weight is None else [N_TRAIN / (CLASSES * counts[c]) for c in y]
    p = model.predict_proba(z)
    objective = log_loss(y, p, sample_weight=weight) + 0.5 * l2 * float((model.coef_**2).sum())
    # The optimiser stops at a value difference near the rounding of float64; say how flat its end point is.
    onehot = np.eye(CLASSES)[y]
    w = np.ones(N_TRAIN) if weight is None else np.array(weight)
    grad = ((p - onehot) * w[:, None]).T @ z / w.sum() + l2 * model.coef_
    logistic.append(
        {
            "l2": l2,
            "balanced": class_weight is not None,
            "coef": model.coef_.flatten().tolist(),
            "intercept": model.intercept_.tolist(),
            "objective": objective,
            "gradient_max": float(f"{np.abs(grad).max():.0e}"),  # what is left at the optimum: rounding
            "predictions": model.predict(tz).tolist(),
            "probabilities": model.predict_proba(tz).flatten().tolist(),
            "accuracy": float(model.score(tz, ty)),
        }
    )

knn = []
for metric in ["standardised_euclidean", "euclidean", "cosine"]:
    for k in [1, 10]:
        a, b = (z, tz) if metric == "standardised_euclidean" else (x, tx)
        if metric == "cosine":
            a, b = normalize(a), normalize(b)
        model = KNeighborsClassifier(n_neighbors=k, algorithm="brute").fit(a, y)
        knn.append(
            {
                "metric": metric,
                "k": k,
                "predictions": model.predict(b).tolist(),
                "scores": model.predict_proba(b).flatten().tolist(),
                "accuracy": float(model.score(b, ty)),
            }
        )

out = {
    "versions": {"python": platform.python_version(), "sklearn": sklearn.__version__, "numpy": np.__version__},
    "dim": DIM,
    "classes": CLASSES,
    "train": x.flatten().tolist(),
    "train_labels": y,
    "test": tx.flatten().tolist(),
    "test_labels": ty,
    "mean": scaler.mean_.tolist(),
    "scale": scaler.scale_.tolist(),
    "logistic": logistic,
    "knn": knn,
}
pathlib.Path(__file__).with_name("probes.json").write_text(json.dumps(out) + "\n")
for row in logistic:
    print(row["l2"], row["objective"], row["gradient_max"], row["accuracy"])
for row in knn:
    print(row["metric"], row["k"], row["accuracy"])
