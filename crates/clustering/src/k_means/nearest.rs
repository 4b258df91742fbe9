//! The nearest centre to every row of a block: one product, then the least of every row of it.

use crate::moments::squared_norm;
use crate::product::inner_products_with_columns;
use crate::scalar::Scalar;
use crate::vectors::wide;

/// Features that are transposed at a time.
const STRIP: usize = 16;

/// Centres as the product needs them.
pub(crate) struct Centres<T> {
    /// `[dim, clusters]`
    columns: Vec<T>,
    pub(crate) norms: Vec<f64>,
}

impl<T: Scalar> Centres<T> {
    pub(crate) fn new(values: &[T], dim: usize) -> Self {
        let k = values.len() / dim;
        let mut columns = vec![T::default(); values.len()];
        // In strips, so that what is written stays in the first-level cache.
        for first in (0..dim).step_by(STRIP) {
            let end = (first + STRIP).min(dim);
            for (j, centre) in values.chunks_exact(dim).enumerate() {
                for (d, &x) in (first..end).zip(&centre[first..end]) {
                    columns[d * k + j] = x;
                }
            }
        }
        Self {
            columns,
            norms: values.chunks_exact(dim).map(squared_norm).collect(),
        }
    }

    /// Inner products of the rows of a block with all centres, `[rows, clusters]`.
    pub(crate) fn products(&self, block: &[T], dim: usize, products: &mut Vec<T>) {
        let rows = block.len() / dim;
        products.resize(rows * self.norms.len(), T::default());
        inner_products_with_columns(block, &self.columns, dim, products);
    }

    /// The nearest centre to every row of a block and `‖μ‖² − 2 x·μ` there. Of equally near centres the first.
    pub(crate) fn nearest(&self, block: &[T], dim: usize, found: &mut Found<T>) {
        self.products(block, dim, &mut found.products);
        found.labels.clear();
        found.scores.clear();
        wide(|| {
            for row in found.products.chunks_exact(self.norms.len()) {
                let (label, score) = least(row, &self.norms);
                found.labels.push(label);
                found.scores.push(score);
            }
        });
    }
}

/// What a block of rows is nearest to, and room to find it.
#[derive(Default)]
pub(crate) struct Found<T> {
    products: Vec<T>,
    pub(crate) labels: Vec<u32>,
    /// Squared distances to the centres of the labels, or what differs from them by the squared length of the row.
    pub(crate) scores: Vec<f64>,
}

/// Least of `norm − 2 product`, and where it is first.
#[inline(always)]
fn least<T: Scalar>(products: &[T], norms: &[f64]) -> (u32, f64) {
    const LANES: usize = 8;
    let score = |product: T, norm: f64| norm - 2.0 * product.to_f64();
    let lesser = |a: f64, b: f64| if a < b { a } else { b };
    let (products_of, norms_of) = (products.chunks_exact(LANES), norms.chunks_exact(LANES));
    let rest = products_of.remainder().iter().zip(norms_of.remainder());
    let mut lanes = [f64::INFINITY; LANES];
    for (products, norms) in products_of.clone().zip(norms_of.clone()) {
        for l in 0..LANES {
            lanes[l] = lesser(score(products[l], norms[l]), lanes[l]);
        }
    }
    let least = rest.fold(f64::INFINITY, |least, (&product, &norm)| {
        lesser(score(product, norm), least)
    });
    let least = lanes.into_iter().fold(least, |a, b| lesser(b, a));
    let mut at = 0;
    for (products, norms) in products_of.zip(norms_of) {
        let mut hit = false;
        for l in 0..LANES {
            hit |= score(products[l], norms[l]) == least;
        }
        if hit {
            break;
        }
        at += LANES;
    }
    let behind = products[at..].iter().zip(&norms[at..]);
    let mut within = behind.map(|(&product, &norm)| score(product, norm));
    let within = within.position(|score| score == least);
    // Without any number that compares, the first.
    (within.map_or(0, |within| at + within) as u32, least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_least_is_found_at_any_length() {
        for k in 1..40 {
            for at in 0..k {
                let mut products: Vec<f32> = (0..k).map(|j| -((j * 7 % 5) as f32)).collect();
                let norms: Vec<f64> = (0..k).map(|j| 1.0 + j as f64 / 100.0).collect();
                products[at] = 3.0;
                assert_eq!(least(&products, &norms), (at as u32, norms[at] - 6.0));
                // Of equal ones the first, wherever the second lies.
                let ties = vec![1.0f64; k];
                let equal: Vec<f64> = (0..k).map(|j| f64::from(u8::from(j >= at))).collect();
                assert_eq!(least(&equal, &ties), (at as u32, -1.0));
            }
        }
    }

    #[test]
    fn without_a_number_the_first_counts() {
        assert_eq!(least(&[f64::NAN; 11], &[1.0; 11]).0, 0);
    }

    #[test]
    fn strips_transpose_the_whole() {
        let (k, dim) = (5, 37);
        let values: Vec<f64> = (0..k * dim).map(|i| (i * 31 % 17) as f64).collect();
        let block: Vec<f64> = (0..3 * dim).map(|i| (i * 13 % 11) as f64).collect();
        let mut products = Vec::new();
        Centres::new(&values, dim).products(&block, dim, &mut products);
        for (i, row) in block.chunks_exact(dim).enumerate() {
            for (j, centre) in values.chunks_exact(dim).enumerate() {
                let wanted: f64 = row.iter().zip(centre).map(|(a, b)| a * b).sum();
                assert_eq!(products[i * k + j], wanted);
            }
        }
    }
}
