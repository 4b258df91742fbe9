"""Times Lloyd iterations of scikit-learn, for comparison with crates/clustering/examples/lloyd_speed.rs.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benches/peers/k_means.py FILE.npy CLUSTERS ITERATIONS

With `--write ROWS FEATURES CLUSTERS` in the place of the last two it writes such a file: blobs from a fixed seed. The first rows are
the starts, and exactly that many iterations are run.
"""

import sys
import time
import warnings

import numpy as np
from sklearn.cluster import KMeans

path = sys.argv[1]
if sys.argv[2] == "--write":
    rows, features, clusters = map(int, sys.argv[3:6])
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(clusters, features)).astype(np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (rows, features))
    for first in range(0, rows, 10_000):
        count = min(10_000, rows - first)
        noise = rng.standard_normal((count, features), dtype=np.float32)
        out[first : first + count] = centres[rng.integers(clusters, size=count)] + noise
    out.flush()
else:
    clusters, iterations = int(sys.argv[2]), int(sys.argv[3])
    x = np.load(path)
    warnings.filterwarnings("ignore")
    best = float("inf")
    for _ in range(5):
        model = KMeans(clusters, init=x[:clusters], n_init=1, max_iter=iterations, tol=0.0, algorithm="lloyd")
        began = time.perf_counter()
        model.fit(x)
        best = min(best, time.perf_counter() - began)
        print(f"{model.n_iter_} iterations, inertia {model.inertia_:.6e}")
    print(f"least of five: {best:.3f} s")
