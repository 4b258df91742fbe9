//! Connected components that several threads join at once.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A forest over `0..n`: the root of a component is its smallest member, whatever the order of the joins.
///
/// Parents only ever become smaller, and they are the only shared data, so relaxed operations suffice.
pub(crate) struct Components {
    parents: Vec<AtomicU32>,
}

impl Components {
    pub(crate) fn new(n: u32) -> Self {
        Self {
            parents: (0..n).map(AtomicU32::new).collect(),
        }
    }

    /// The smallest member of the component of `node`, as far as it has been joined.
    pub(crate) fn root(&self, mut node: u32) -> u32 {
        loop {
            let parent = self.parents[node as usize].load(Relaxed);
            if parent == node {
                return node;
            }
            // Halve the path: a grandparent is an ancestor too. Where another thread was faster, its value is as good.
            let grandparent = self.parents[parent as usize].load(Relaxed);
            let _ =
                self.parents[node as usize].compare_exchange(parent, grandparent, Relaxed, Relaxed);
            node = grandparent;
        }
    }

    pub(crate) fn join(&self, a: u32, b: u32) {
        loop {
            let (a, b) = (self.root(a), self.root(b));
            if a == b {
                return;
            }
            let (low, high) = (a.min(b), a.max(b));
            // Only a root may get a parent; if `high` has stopped to be one, look again.
            if self.parents[high as usize]
                .compare_exchange(high, low, Relaxed, Relaxed)
                .is_ok()
            {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn joins_from_many_threads_give_the_smallest_members() {
        let n = 30_000;
        let components = Components::new(n);
        // Numbers with the same remainder form one component.
        (0..n - 7)
            .into_par_iter()
            .rev()
            .for_each(|i| components.join(i + 7, i));
        for i in 0..n {
            assert_eq!(components.root(i), i % 7);
        }
    }
}
