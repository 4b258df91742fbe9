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
}

/// Prim's algorithm on the complete graph: `rows²` distances, memory of one number per row. Shortest edges first.
pub(crate) fn spanning_tree<T: Scalar>(rows: &[T], dim: usize, core: &[f64]) -> Vec<Edge> {
    let n = core.len();
    // For every row outside of the tree its best edge into it: (row, length, end in the tree).
    let mut outside: Vec<(usize, f64, usize)> = (1..n).map(|i| (i, f64::INFINITY, 0)).collect();
    let mut edges = Vec::with_capacity(outside.len());
    let mut newest = 0;
    while !outside.is_empty() {
        let x = &rows[newest * dim..(newest + 1) * dim];
        let update = |(row, length, end): &mut (usize, f64, usize)| {
            let y = &rows[*row * dim..(*row + 1) * dim];
            let reach = squared_distance(x, y)
                .sqrt()
                .max(core[newest])
                .max(core[*row]);
            if reach < *length {
                (*length, *end) = (reach, newest);
            }
        };
        if outside.len() * dim >= WORTH_THREADS {
            outside.par_iter_mut().with_min_len(256).for_each(update);
        } else {
            outside.iter_mut().for_each(update);
        }
        let best = (0..outside.len())
            .min_by(|&i, &j| {
                let (a, b) = (outside[i], outside[j]);
                a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))
            })
            .unwrap_or(0);
        let (row, length, end) = outside.swap_remove(best);
        edges.push(Edge {
            a: end,
            b: row,
            length,
        });
        newest = row;
    }
    edges.sort_by(|a, b| a.length.total_cmp(&b.length));
    edges
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
