"""scikit-learn and k-means-constrained on the numbers that the case has written; starts are the first rows."""

import pathlib
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def read(args, name):
    return np.load(pathlib.Path(args.folder) / name)


def k_means(args):
    from sklearn.cluster import KMeans

    x, clusters = read(args, "k_means.npy"), 4 if args.small else 64
    return lambda: KMeans(clusters, init=x[:clusters], n_init=1, max_iter=10, tol=0.0, algorithm="lloyd").fit(x).inertia_


def constrained(args):
    from k_means_constrained import KMeansConstrained

    x = read(args, "constrained.npy")
    clusters, least = (4, 20) if args.small else (20, 100)

    def one():
        model = KMeansConstrained(clusters, size_min=least, init=x[:clusters], n_init=1, max_iter=5, tol=0.0)
        return model.fit(x).inertia_

    return one


def mini_batch(args):
    from sklearn.cluster import MiniBatchKMeans

    x, clusters = read(args, "k_means.npy"), 4 if args.small else 64

    def one():
        model = MiniBatchKMeans(
            clusters, init=x[:clusters], n_init=1, max_iter=2, batch_size=1024, max_no_improvement=None, random_state=0
        )
        return model.fit(x).inertia_

    return one


def dbscan(args):
    from sklearn.cluster import DBSCAN

    x = read(args, "density.npy")
    return lambda: DBSCAN(eps=7.0, min_samples=5, n_jobs=args.threads).fit(x).labels_.max() + 1


def hdbscan(args):
    from sklearn.cluster import HDBSCAN

    x = read(args, "density.npy")
    return lambda: HDBSCAN(min_cluster_size=50, n_jobs=args.threads, copy=True).fit(x).labels_.max() + 1
