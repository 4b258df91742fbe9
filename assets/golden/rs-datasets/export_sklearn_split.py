"""Writes sklearn_split.json: what scikit-learn's train_test_split draws from numpy's legacy generator.

Run: python export_sklearn_split.py   (numpy and scikit-learn as pinned in ../requirements.txt)
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.model_selection import train_test_split

cases = []
for n, share, seed in [(1, 0.1, 23), (2, 0.1, 23), (10, 0.1, 23), (37, 0.25, 0), (540, 0.1, 23), (700, 0.3, 4294967295)]:
    case = {"n": n, "share": share, "seed": seed, "permutation": np.random.RandomState(seed).permutation(n).tolist()}
    if n > 1:
        train, val = train_test_split(np.arange(n), test_size=share, random_state=seed)
        case |= {"train": train.tolist(), "val": val.tolist()}
    cases.append(case)
out = {"versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__}, "cases": cases}
path = pathlib.Path(__file__).with_name("sklearn_split.json")
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
