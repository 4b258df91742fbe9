//! The tree of clusters: the dendrogram without splits that only shed a few rows, and the choice of clusters from it.
//!
//! `lambda = 1 / distance` is the density at which something happens; it is infinite where rows coincide.

use super::params::Selection;
use super::spanning_tree::Merge;

/// The condensed tree. Cluster 0 is the root, and a cluster has a larger number than its parent.
pub(crate) struct Condensed {
    /// For every row the cluster it drops out of, and where.
    rows: Vec<(usize, f64)>,
    clusters: Vec<Cluster>,
}

struct Cluster {
    parent: usize,
    birth: f64,
    /// The largest lambda at which rows or clusters leave it.
    death: f64,
    stability: f64,
    leaf: bool,
}

impl Condensed {
    /// Walks the dendrogram of `n` rows from its root.
    pub(crate) fn new(merges: &[Merge], n: usize, min_cluster_size: usize) -> Self {
        let mut tree = Self {
            rows: vec![(0, 0.0); n],
            clusters: vec![Cluster::new(0, 0.0)],
        };
        let size = |node: usize| if node < n { 1 } else { merges[node - n].size };
        let mut open = match merges.len() {
            0 => Vec::new(),
            last => vec![(n + last - 1, 0)],
        };
        while let Some((node, cluster)) = open.pop() {
            let merge = merges[node - n];
            let lambda = if merge.distance > 0.0 {
                1.0 / merge.distance
            } else {
                f64::INFINITY
            };
            let children = [merge.left, merge.right];
            let large = children.map(|child| size(child) >= min_cluster_size);
            for (child, large_child) in children.into_iter().zip(large) {
                if large == [true, true] {
                    let born = tree.clusters.len();
                    tree.clusters.push(Cluster::new(cluster, lambda));
                    tree.clusters[cluster].leaf = false;
                    tree.leave(cluster, lambda, size(child));
                    open.push((child, born));
                } else if large_child {
                    open.push((child, cluster));
                } else {
                    let mut below = vec![child];
                    while let Some(node) = below.pop() {
                        if node < n {
                            tree.rows[node] = (cluster, lambda);
                            tree.leave(cluster, lambda, 1);
                        } else {
                            below.extend([merges[node - n].left, merges[node - n].right]);
                        }
                    }
                }
            }
        }
        tree
    }

    /// `size` rows leave `cluster` at `lambda`.
    fn leave(&mut self, cluster: usize, lambda: f64, size: usize) {
        let cluster = &mut self.clusters[cluster];
        cluster.death = cluster.death.max(lambda);
        // Where both are infinite nothing lived between birth and departure.
        if lambda > cluster.birth {
            cluster.stability += (lambda - cluster.birth) * size as f64;
        }
    }

    /// Which clusters are chosen.
    pub(crate) fn select(&self, selection: Selection, allow_single_cluster: bool) -> Vec<bool> {
        let count = self.clusters.len();
        let mut chosen = vec![false; count];
        match selection {
            Selection::Leaves => {
                for (chosen, cluster) in chosen.iter_mut().zip(&self.clusters) {
                    *chosen = cluster.leaf;
                }
            }
            Selection::ExcessOfMass => {
                // Sum over the best choice below each cluster; children come before parents.
                let mut below = vec![0.0; count];
                for c in (0..count).rev() {
                    let own = self.clusters[c].stability;
                    let best = if c > 0 || allow_single_cluster {
                        chosen[c] = below[c] <= own;
                        own.max(below[c])
                    } else {
                        below[c]
                    };
                    if c > 0 {
                        below[self.clusters[c].parent] += best;
                    }
                }
                // A chosen cluster covers everything below it.
                let mut covered = vec![false; count];
                for c in 1..count {
                    let parent = self.clusters[c].parent;
                    covered[c] = covered[parent] || chosen[parent];
                    chosen[c] &= !covered[c];
                }
            }
        }
        if !allow_single_cluster {
            chosen[0] = false;
        }
        chosen
    }

    /// For every row its chosen cluster with the strength of membership in 0..=1, or nothing.
    pub(crate) fn members(&self, chosen: &[bool]) -> Vec<Option<(usize, f64)>> {
        // The nearest chosen cluster at or above every cluster.
        let mut home: Vec<Option<usize>> = vec![None; self.clusters.len()];
        for c in 0..self.clusters.len() {
            home[c] = if chosen[c] {
                Some(c)
            } else if c > 0 {
                home[self.clusters[c].parent]
            } else {
                None
            };
        }
        let member = |&(cluster, lambda): &(usize, f64)| {
            let home = home[cluster]?;
            let death = self.clusters[home].death;
            // The root holds all rows; only those that stay as long as anything does belong to it.
            if home == 0 && lambda < death {
                return None;
            }
            let strength = if death == 0.0 || lambda.is_infinite() {
                1.0
            } else {
                lambda.min(death) / death
            };
            Some((home, strength))
        };
        self.rows.iter().map(member).collect()
    }
}

impl Cluster {
    fn new(parent: usize, birth: f64) -> Self {
        Self {
            parent,
            birth,
            death: 0.0,
            stability: 0.0,
            leaf: true,
        }
    }
}
