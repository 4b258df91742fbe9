//! The rows of a cluster in the order of what moving them to another one costs.

use crate::scalar::Scalar;

/// Costs, `[rows, clusters]` row-major.
#[derive(Clone, Copy)]
pub(crate) struct Costs<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) clusters: usize,
}

impl<T: Scalar> Costs<'_, T> {
    /// What moving `row` from cluster `from` to cluster `to` adds to the total.
    pub(crate) fn change(&self, row: u32, from: usize, to: usize) -> f64 {
        let at = row as usize * self.clusters;
        self.values[at + to].to_f64() - self.values[at + from].to_f64()
    }
}

/// A binary heap of rows, cheapest move first, equal ones by number. Four bytes per row: the keys are looked up in the costs, which
/// do not change. Rows that have left the cluster stay in it until they come to the top.
pub(crate) struct Moves {
    from: usize,
    to: usize,
    rows: Vec<u32>,
}

impl Moves {
    pub(crate) fn new<T: Scalar>(
        costs: &Costs<'_, T>,
        from: usize,
        to: usize,
        members: &[u32],
    ) -> Self {
        let mut moves = Self {
            from,
            to,
            rows: members.to_vec(),
        };
        for at in (0..moves.rows.len() / 2).rev() {
            moves.sink(costs, at);
        }
        moves
    }

    /// The cheapest move of a row that is still in the cluster, with what it adds to the total.
    pub(crate) fn cheapest<T: Scalar>(
        &mut self,
        costs: &Costs<'_, T>,
        labels: &[u32],
    ) -> Option<(u32, f64)> {
        while let Some(&top) = self.rows.first() {
            if labels[top as usize] as usize == self.from {
                return Some((top, costs.change(top, self.from, self.to)));
            }
            self.rows.swap_remove(0);
            self.sink(costs, 0);
        }
        None
    }

    pub(crate) fn push<T: Scalar>(&mut self, costs: &Costs<'_, T>, row: u32) {
        self.rows.push(row);
        let mut at = self.rows.len() - 1;
        while at > 0 && self.before(costs, at, (at - 1) / 2) {
            self.rows.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink<T: Scalar>(&mut self, costs: &Costs<'_, T>, mut at: usize) {
        loop {
            let mut first = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.rows.len() && self.before(costs, child, first) {
                    first = child;
                }
            }
            if first == at {
                return;
            }
            self.rows.swap(at, first);
            at = first;
        }
    }

    fn before<T: Scalar>(&self, costs: &Costs<'_, T>, a: usize, b: usize) -> bool {
        let key = |row| costs.change(row, self.from, self.to);
        let (a, b) = (self.rows[a], self.rows[b]);
        key(a).total_cmp(&key(b)).then(a.cmp(&b)).is_lt()
    }
}
