//! The assignment step, exactly: every row to one cluster, every cluster at least `min_size` rows, least total cost.
//!
//! A minimum-cost flow with one node per cluster. Without the bounds the nearest clusters are optimal. The clusters that then hold too few
//! rows are filled one row at a time along a shortest path: the first row comes from a cluster with rows to spare, and every
//! cluster on the way passes one on. An edge costs what its cheapest move adds. Successive shortest paths keep the assignment
//! optimal for the bounds filled so far (Ahuja, Magnanti and Orlin 1993, section 9.7), and node potentials keep every edge at a cost
//! of at least 0, so that Dijkstra's algorithm finds the path.

use super::heap::{Costs, Moves};
use crate::error::{InputError, reserve};
use crate::k_means::KMeansError;
use crate::scalar::Scalar;

/// The cluster of every row such that each cluster has at least `min_size` rows and the sum of `costs` (`[rows, clusters]`
/// row-major) is least. `min_size` 0 is the unconstrained minimum. Of equally good assignments one that depends on the costs alone.
///
/// Memory: four bytes per row and cluster. Time: `rows log rows` per cluster for the heaps, `clusters²` per row that has to move.
///
/// # Errors
/// When the costs are not a table of `clusters` columns, not finite, or the bounds need more rows than there are.
pub fn assign_at_least<T: Scalar>(
    costs: &[T],
    clusters: usize,
    min_size: usize,
) -> Result<Vec<u32>, KMeansError> {
    if clusters == 0 || costs.is_empty() || !costs.len().is_multiple_of(clusters) {
        return Err(InputError::Length {
            what: "the table of costs",
            expected: format!("a multiple of {clusters}, the number of clusters, above 0"),
            found: costs.len(),
        }
        .into());
    }
    let rows = costs.len() / clusters;
    if let Some(at) = costs.iter().position(|c| !c.is_finite()) {
        return Err(InputError::NonFinite {
            row: at / clusters,
            column: at % clusters,
            value: costs[at].to_f64(),
        }
        .into());
    }
    if min_size.checked_mul(clusters).is_none_or(|n| n > rows) {
        return Err(KMeansError::Infeasible {
            rows,
            clusters,
            min_size,
        });
    }
    if u32::try_from(rows).is_err() {
        return Err(InputError::Memory {
            what: "the exact assignment",
            bytes: rows as u128 * clusters as u128 * 4,
            remedy: "cluster fewer than 2^32 rows",
        }
        .into());
    }
    let mut state = State::nearest(
        Costs {
            values: costs,
            clusters,
        },
        rows,
    )?;
    while state.fill_one(min_size)? {}
    Ok(state.labels)
}

struct State<'a, T> {
    costs: Costs<'a, T>,
    labels: Vec<u32>,
    sizes: Vec<usize>,
    /// `moves[a][b]`: rows of `a` by what moving them to `b` costs; built when `a` is first reached.
    moves: Vec<Option<Vec<Moves>>>,
    potentials: Vec<f64>,
}

impl<'a, T: Scalar> State<'a, T> {
    fn nearest(costs: Costs<'a, T>, rows: usize) -> Result<Self, InputError> {
        let k = costs.clusters;
        let mut labels = reserve("the labels", Some(rows), 0u32, "use fewer rows")?;
        let mut sizes = vec![0; k];
        for (label, row) in labels.iter_mut().zip(costs.values.chunks_exact(k)) {
            let mut best = 0;
            for j in 1..k {
                if row[j] < row[best] {
                    best = j;
                }
            }
            *label = best as u32;
            sizes[best] += 1;
        }
        Ok(Self {
            costs,
            labels,
            sizes,
            moves: (0..k).map(|_| None).collect(),
            potentials: vec![0.0; k],
        })
    }

    /// Moves one row into a cluster that has too few; `false` where there is none.
    fn fill_one(&mut self, min_size: usize) -> Result<bool, InputError> {
        let k = self.costs.clusters;
        if self.sizes.iter().all(|&s| s >= min_size) {
            return Ok(false);
        }
        let mut distance: Vec<f64> = self
            .sizes
            .iter()
            .map(|&s| if s > min_size { 0.0 } else { f64::INFINITY })
            .collect();
        let mut came_from: Vec<Option<(usize, u32)>> = vec![None; k];
        let mut done = vec![false; k];
        let target = loop {
            let open = (0..k).filter(|&v| !done[v]);
            let Some(here) = open.min_by(|&a, &b| distance[a].total_cmp(&distance[b])) else {
                break None;
            };
            if distance[here].is_infinite() {
                break None;
            }
            done[here] = true;
            if self.sizes[here] < min_size {
                break Some(here);
            }
            for next in (0..k).filter(|&v| v != here) {
                if done[next] {
                    continue;
                }
                let Some((row, change)) = self.cheapest(here, next)? else {
                    continue;
                };
                // Not below 0 but for rounding.
                let edge = change + self.potentials[here] - self.potentials[next];
                let through = distance[here] + edge.max(0.0);
                if through < distance[next] {
                    distance[next] = through;
                    came_from[next] = Some((here, row));
                }
            }
        };
        // The total suffices, so some cluster has rows to spare, and it has a row for every other cluster: there is always a path.
        let Some(target) = target else {
            return Ok(false);
        };
        for (potential, d) in self.potentials.iter_mut().zip(&distance) {
            *potential += d.min(distance[target]);
        }
        let mut to = target;
        while let Some((from, row)) = came_from[to] {
            self.relabel(row, to);
            self.sizes[from] -= 1;
            self.sizes[to] += 1;
            to = from;
        }
        Ok(true)
    }

    fn cheapest(&mut self, from: usize, to: usize) -> Result<Option<(u32, f64)>, InputError> {
        let moves = match &mut self.moves[from] {
            Some(moves) => moves,
            unbuilt => {
                let mut members = reserve(
                    "the members of a cluster",
                    Some(self.sizes[from]),
                    0u32,
                    "use fewer rows",
                )?;
                let inside = (0..self.labels.len()).filter(|&i| self.labels[i] as usize == from);
                for (member, i) in members.iter_mut().zip(inside) {
                    *member = i as u32;
                }
                unbuilt.insert(
                    (0..self.costs.clusters)
                        .map(|to| Moves::new(&self.costs, from, to, &members))
                        .collect(),
                )
            }
        };
        Ok(moves[to].cheapest(&self.costs, &self.labels))
    }

    fn relabel(&mut self, row: u32, to: usize) {
        self.labels[row as usize] = to as u32;
        if let Some(moves) = &mut self.moves[to] {
            for (next, moves) in moves.iter_mut().enumerate() {
                if next != to {
                    moves.push(&self.costs, row);
                }
            }
        }
    }
}
