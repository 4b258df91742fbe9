//! The minimum spanning tree under mutual reachability, and the dendrogram that it gives.

use rayon::prelude::*;

use crate::moments::squared_distance;
use crate::scalar::Scalar;

/// Below this many multiplications a step is done by one thread; the result is the same.
const WORTH_THREADS: usize = 1 << 18;

/// Distance of every row to its `neighbours`-th nearest row, the row itself being the first.
pub(crate) fn core_distances<T: Scalar>(rows: &[T], dim: usize, neighbours: usize) -> Vec<f64> {
    rows.par_chunks_exact(dim)
        .map_init(Vec::new, |distances: &mut Vec<f64>, x| {
            distances.clear();
            distances.extend(rows.chunks_exact(dim).map(|y| squared_distance(x, y)));
            let (_, nth, _) = distances.select_nth_unstable_by(neighbours - 1, f64::total_cmp);
            nth.sqrt()
        })
        .collect()
}

/// An edge of the tree: two rows and their mutual reachability `max(core a, core b, d(a, b))`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) length: f64,
    distance: f64,
}

/// Prim's algorithm on the complete graph: `rows²` distances, memory of a few numbers per row. Shortest edges first.
///
/// Many edges are equally long, since a row in thin surroundings has its core distance to all that are nearer. Among them the nearer
/// row comes first, so that such a row joins what it lies next to.
pub(crate) fn spanning_tree<T: Scalar>(rows: &[T], dim: usize, core: &[f64]) -> Vec<Edge> {
    let n = core.len();
    let mut outside: Vec<Outside> = (1..n)
        .map(|row| Outside {
            row,
            length: f64::INFINITY,
            distance: f64::INFINITY,
            end: 0,
        })
        .collect();
    let mut edges = Vec::with_capacity(outside.len());
    let mut newest = 0;
    while !outside.is_empty() {
        let x = &rows[newest * dim..(newest + 1) * dim];
        let update = |o: &mut Outside| {
            let y = &rows[o.row * dim..(o.row + 1) * dim];
            let distance = squared_distance(x, y).sqrt();
            let length = distance.max(core[newest]).max(core[o.row]);
            if (length, distance) < (o.length, o.distance) {
                (o.length, o.distance, o.end) = (length, distance, newest);
            }
        };
        if outside.len() * dim >= WORTH_THREADS {
            outside.par_iter_mut().with_min_len(256).for_each(update);
        } else {
            outside.iter_mut().for_each(update);
        }
        let best = (0..outside.len())
            .min_by(|&i, &j| outside[i].order(&outside[j]))
            .unwrap_or(0);
        let Outside {
            row,
            length,
            distance,
            end,
        } = outside.swap_remove(best);
        edges.push(Edge {
            a: end,
            b: row,
            length,
            distance,
        });
        newest = row;
    }
    edges.sort_by(|a, b| {
        let lengths = a.length.total_cmp(&b.length);
        lengths.then(a.distance.total_cmp(&b.distance))
    });
    edges
}

/// A row that is not in the tree yet, with its best edge into it.
struct Outside {
    row: usize,
    length: f64,
    distance: f64,
    end: usize,
}

impl Outside {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.length
            .total_cmp(&other.length)
            .then(self.distance.total_cmp(&other.distance))
            .then(self.row.cmp(&other.row))
    }
}

/// An inner node of the dendrogram: two nodes that become one at `distance`. Nodes below `n` are rows, node `n + i` is merge `i`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merge {
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) distance: f64,
    /// Rows below.
    pub(crate) size: usize,
}

/// Single linkage from the edges of the tree, shortest first.
pub(crate) fn dendrogram(edges: &[Edge]) -> Vec<Merge> {
    let n = edges.len() + 1;
    let mut parents: Vec<usize> = (0..2 * n - 1).collect();
    let mut sizes = vec![1; 2 * n - 1];
    let root = |parents: &mut Vec<usize>, mut node: usize| {
        while parents[node] != node {
            parents[node] = parents[parents[node]];
            node = parents[node];
        }
        node
    };
    edges
        .iter()
        .enumerate()
        .map(|(i, edge)| {
            let left = root(&mut parents, edge.a);
            let right = root(&mut parents, edge.b);
            let size = sizes[left] + sizes[right];
            (parents[left], parents[right], sizes[n + i]) = (n + i, n + i, size);
            Merge {
                left,
                right,
                distance: edge.length,
                size,
            }
        })
        .collect()
}
