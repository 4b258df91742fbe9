"""Writes clustering.json: results of scikit-learn, k-means-constrained and a linear programme for the tests of the crate `clustering`.

    python assets/golden/clustering/export_clustering.py

Versions are pinned (and stored in the file): scikit-learn 1.9.1, k-means-constrained 0.9.1, scipy 1.17.1, numpy 2.4.6. The tables are
drawn from a seeded generator but stored in the file, so the tests do not depend on it.
"""

import json
import pathlib

import k_means_constrained
import numpy as np
import scipy
import sklearn
from k_means_constrained import KMeansConstrained
from scipy.optimize import linprog
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

PINNED = {"scikit-learn": "1.9.1", "k-means-constrained": "0.9.1", "scipy": "1.17.1", "numpy": "2.4.6"}
FOUND = {
    "scikit-learn": sklearn.__version__,
    "k-means-constrained": k_means_constrained.__version__,
    "scipy": scipy.__version__,
    "numpy": np.__version__,
}
assert PINNED == FOUND, f"expected {PINNED}, found {FOUND}"
HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(20261121)


def blobs(sizes, dim, spread, offset=0.0):
    centres = RNG.normal(size=(len(sizes), dim)) * 4
    rows = [c + spread * RNG.normal(size=(n, dim)) for c, n in zip(centres, sizes)]
    table = np.round(np.concatenate(rows) + offset, 3)
    return table[RNG.permutation(len(table))]


def table(x):
    return {"dim": int(x.shape[1]), "values": x.ravel().tolist()}


def k_means(name, x, start, weights=None, tol=1e-4, max_iter=300):
    m = KMeans(len(start), init=start, n_init=1, tol=tol, max_iter=max_iter, algorithm="lloyd").fit(x, sample_weight=weights)
    return {
        "name": name,
        "table": table(x),
        "start": start.ravel().tolist(),
        "weights": None if weights is None else weights.tolist(),
        "tolerance": tol,
        "max_iterations": max_iter,
        "labels": m.labels_.tolist(),
        "centres": m.cluster_centers_.ravel().tolist(),
        "inertia": float(m.inertia_),
        "iterations": int(m.n_iter_),
    }


def k_means_cases():
    easy = blobs([30, 20, 10, 5], 5, 0.7)
    loose = blobs([40, 40, 40], 3, 3.0)
    # An offset of 1000: distances by the binomial formula lose six digits unless the rows are centred.
    away = blobs([20, 20, 20], 2, 0.5, offset=1000.0)
    weights = np.round(RNG.uniform(0, 3, len(loose)), 2)
    weights[:5] = 0
    # Two starts far from everything: both clusters begin empty and are given the farthest rows.
    lost = np.concatenate([easy[:2], np.full((2, 5), 500.0)])
    lost[3] += 100
    return [
        k_means("easy", easy, easy[:4]),
        k_means("loose", loose, loose[:6]),
        k_means("loose, to the end", loose, loose[:6], tol=0.0),
        k_means("loose, two iterations", loose, loose[:6], tol=0.0, max_iter=2),
        k_means("far from the origin", away, away[:3]),
        k_means("weighted", loose, loose[6:12], weights=weights),
        k_means("empty clusters", easy, lost, tol=0.0),
    ]


def mini_batch():
    x = blobs([60, 40, 20], 4, 1.5)
    weights = np.round(RNG.uniform(0.1, 2, len(x)), 2)
    start = x[:5]
    m = MiniBatchKMeans(5, init=start, n_init=1, reassignment_ratio=0.0, random_state=0)
    steps = []
    for first in range(0, len(x), 30):
        m.partial_fit(x[first : first + 30], sample_weight=weights[first : first + 30])
        steps.append({"centres": m.cluster_centers_.ravel().tolist(), "seen": m._counts.tolist()})
    return {"table": table(x), "weights": weights.tolist(), "start": start.ravel().tolist(), "batch": 30, "steps": steps}


def assignment(costs, size):
    """The linear programme of Bradley, Bennett and Demiriz; its optimum is integral."""
    n, k = costs.shape
    each = np.kron(np.eye(n), np.ones(k))
    least = -np.tile(np.eye(k), n)
    solved = linprog(costs.ravel(), A_ub=least, b_ub=-size * np.ones(k), A_eq=each, b_eq=np.ones(n), method="highs")
    assert solved.status == 0
    return {"clusters": k, "min_size": size, "costs": costs.ravel().tolist(), "optimum": float(solved.fun)}


def constrained_cases():
    cases = []
    for sizes, k, size in [([50, 8, 4], 3, 15), ([30, 30, 6, 4], 5, 14), ([40, 20], 4, 15), ([20, 10, 5], 4, 5)]:
        x = blobs(sizes, 3, 1.0)
        start = x[:k]
        m = KMeansConstrained(k, size_min=size, init=start, n_init=1, max_iter=300, tol=1e-4, random_state=0).fit(x)
        cases.append(
            {
                "table": table(x),
                "start": start.ravel().tolist(),
                "min_size": size,
                "labels": np.asarray(m.labels_).tolist(),
                "centres": m.cluster_centers_.ravel().tolist(),
                "inertia": float(m.inertia_),
            }
        )
    return cases


def dbscan(name, x, eps, min_samples, weights=None):
    m = DBSCAN(eps=eps, min_samples=min_samples).fit(x, sample_weight=weights)
    core = np.zeros(len(x), dtype=bool)
    core[m.core_sample_indices_] = True
    return {
        "name": name,
        "table": table(x),
        "eps": eps,
        "min_samples": min_samples,
        "weights": None if weights is None else weights.tolist(),
        "labels": m.labels_.tolist(),
        "core": core.tolist(),
    }


def dbscan_cases():
    x = blobs([40, 30, 20, 10], 3, 0.6)
    grid = np.array([[i, j] for i in range(6) for j in range(6) if (i + j) % 5 != 3], dtype=float)
    weights = np.round(RNG.uniform(0, 2, len(x)), 2)
    return [
        dbscan("blobs", x, 0.9, 5),
        dbscan("sparse", x, 0.5, 4),
        dbscan("weighted", x, 0.7, 4, weights),
        # All distances are exactly eps: the edge of the neighbourhood belongs to it.
        dbscan("grid", grid, 1.0, 4),
        dbscan("all noise", x, 0.01, 3),
    ]


def hdbscan_cases():
    x = blobs([50, 40, 25, 12, 8], 3, 0.8)
    one = np.round(RNG.normal(size=(60, 2)), 3)
    cases = []
    for name, data, options in [
        ("defaults", x, {}),
        ("leaves", x, {"cluster_selection_method": "leaf"}),
        ("more rows", x, {"min_cluster_size": 12, "min_samples": 4}),
        ("one cluster", one, {"allow_single_cluster": True, "min_cluster_size": 10}),
        ("no single cluster", one, {"min_cluster_size": 10}),
    ]:
        m = HDBSCAN(copy=True, algorithm="brute", **options).fit(data)
        cases.append(
            {
                "name": name,
                "table": table(data),
                "options": options,
                "labels": m.labels_.tolist(),
                "strengths": m.probabilities_.tolist(),
            }
        )
    return cases


def scaler():
    x = blobs([20, 20], 4, 2.0)
    x[:, 1] = 0.1
    x[:, 2] = 1e4 + x[:, 2] * 1e-3
    m = StandardScaler().fit(x)
    return {
        "table": table(x),
        "mean": m.mean_.tolist(),
        "variance": m.var_.tolist(),
        "scale": m.scale_.tolist(),
        "transformed": m.transform(x).ravel().tolist(),
    }


def pca_cases():
    wide = np.round(RNG.normal(size=(8, 12)), 3)
    long = np.round(RNG.normal(size=(50, 6)) @ RNG.normal(size=(6, 6)), 3)
    cases = []
    for name, x, count, whiten in [
        ("long", long, 6, False),
        ("three", long, 3, False),
        ("whitened", long, 3, True),
        ("by variance", long, 0.8, False),
        ("wide", wide, 7, False),
    ]:
        m = PCA(count, whiten=whiten, svd_solver="full").fit(x)
        cases.append(
            {
                "name": name,
                "table": table(x),
                "count": count,
                "whiten": whiten,
                "mean": m.mean_.tolist(),
                "components": m.components_.ravel().tolist(),
                "variance": m.explained_variance_.tolist(),
                "ratio": m.explained_variance_ratio_.tolist(),
                "singular": m.singular_values_.tolist(),
                "transformed": m.transform(x).ravel().tolist(),
                "back": m.inverse_transform(m.transform(x)).ravel().tolist(),
            }
        )
    return cases


costs = np.round(RNG.uniform(0, 10, size=(40, 4)), 4)
skewed = costs.copy()
skewed[:, 0] -= 8
golden = {
    "versions": PINNED,
    "k_means": k_means_cases(),
    "mini_batch": mini_batch(),
    "assignment": [assignment(costs, 10), assignment(skewed, 10), assignment(skewed, 4), assignment(skewed, 0)],
    "constrained": constrained_cases(),
    "dbscan": dbscan_cases(),
    "hdbscan": hdbscan_cases(),
    "scaler": scaler(),
    "pca": pca_cases(),
}
(HERE / "clustering.json").write_text(json.dumps(golden) + "\n")
