//! Eigenvalues and eigenvectors of a symmetric matrix: Householder tridiagonalisation, then implicit QL with Wilkinson's shift
//! (Golub and Van Loan, sections 8.3.1 and 8.3.5).

/// Eigenvalues, largest first, and the eigenvectors as rows of `[n, n]`, of a symmetric `[n, n]` matrix (its lower triangle is read).
/// About `4 n³` operations on one thread.
pub(crate) fn symmetric(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut off, mut vectors) = tridiagonalise(&mut a, n);
    ql(&mut diagonal, &mut off, &mut vectors, n);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| diagonal[j].total_cmp(&diagonal[i]));
    let values = order.iter().map(|&i| diagonal[i]).collect();
    let sorted = order
        .iter()
        .flat_map(|&i| vectors[i * n..(i + 1) * n].iter().copied())
        .collect();
    (values, sorted)
}

/// `a = Q T Qᵀ`: the diagonal of `T`, its off-diagonal (`off[i]` between `i` and `i + 1`, 0 at the end), and `Qᵀ`.
fn tridiagonalise(a: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut off = vec![0.0; n];
    // The reflectors `I − β v vᵀ`, to build Q from afterwards.
    let mut reflectors: Vec<(usize, Vec<f64>, f64)> = Vec::new();
    for k in 0..n.saturating_sub(2) {
        let below: Vec<f64> = (k + 1..n).map(|i| a[i * n + k]).collect();
        let scale = below.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let tail = below[1..].iter().fold(0.0f64, |m, x| m.max(x.abs()));
        if tail == 0.0 {
            off[k] = below[0];
            continue;
        }
        // Scaled, so that squares neither overflow nor vanish.
        let mut v: Vec<f64> = below.iter().map(|x| x / scale).collect();
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        // The sign that does not cancel.
        let alpha = if v[0] > 0.0 { -norm } else { norm };
        v[0] -= alpha;
        let beta = 2.0 / v.iter().map(|x| x * x).sum::<f64>();
        off[k] = alpha * scale;
        // A ← A − v wᵀ − w vᵀ with w = β A v − (β² vᵀ A v / 2) v, on the part behind k.
        let m = v.len();
        let at = |i: usize, j: usize| (k + 1 + i) * n + k + 1 + j;
        let mut w = vec![0.0; m];
        for i in 0..m {
            // The lower triangle stands for both.
            for j in 0..i {
                let x = a[at(i, j)];
                w[i] += x * v[j];
                w[j] += x * v[i];
            }
            w[i] += a[at(i, i)] * v[i];
        }
        let half: f64 = w.iter().zip(&v).map(|(w, v)| w * v).sum::<f64>() * beta * beta / 2.0;
        for (w, v) in w.iter_mut().zip(&v) {
            *w = beta * *w - half * v;
        }
        for i in 0..m {
            let start = at(i, 0);
            let row = &mut a[start..=start + i];
            for (x, (vj, wj)) in row.iter_mut().zip(v.iter().zip(&w)) {
                *x -= v[i] * wj + w[i] * vj;
            }
        }
        reflectors.push((k + 1, v, beta));
    }
    if n >= 2 {
        off[n - 2] = a[(n - 1) * n + n - 2];
    }
    let diagonal = (0..n).map(|i| a[i * n + i]).collect();
    // Qᵀ = H_last … H_first; applied from the last to the first on the right, each touches a small part only.
    let mut q = vec![0.0; n * n];
    for i in 0..n {
        q[i * n + i] = 1.0;
    }
    for (first, v, beta) in reflectors.iter().rev() {
        // Q ← H Q, kept as Qᵀ: row c of `q` is column c of Q.
        for column in q.chunks_exact_mut(n) {
            let part = &mut column[*first..];
            let dot: f64 = part.iter().zip(v).map(|(x, v)| x * v).sum::<f64>() * beta;
            if dot != 0.0 {
                for (x, v) in part.iter_mut().zip(v) {
                    *x -= dot * v;
                }
            }
        }
    }
    (diagonal, off, q)
}

/// Diagonalises the tridiagonal matrix and turns the rows of `vectors` with it.
fn ql(d: &mut [f64], e: &mut [f64], vectors: &mut [f64], n: usize) {
    for l in 0..n {
        // Each round gains digits fast; thirty suffice in practice, and the limit keeps the loop finite for any input.
        for _ in 0..200 {
            let m = (l..n - 1)
                .find(|&m| e[m].abs() <= f64::EPSILON * (d[m].abs() + d[m + 1].abs()))
                .unwrap_or(n - 1);
            if m == l {
                break;
            }
            // The eigenvalue of the leading 2 x 2 block that is nearer to d[l].
            let g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let r = g.hypot(1.0);
            let shift = d[l] - e[l] / (g + r.copysign(g));
            let (mut sine, mut cosine, mut carried) = (1.0, 1.0, 0.0);
            let mut g = d[m] - shift;
            let mut split = false;
            for i in (l..m).rev() {
                let f = sine * e[i];
                let b = cosine * e[i];
                let r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    // The matrix falls into two parts.
                    d[i + 1] -= carried;
                    e[m] = 0.0;
                    split = true;
                    break;
                }
                sine = f / r;
                cosine = g / r;
                let h = d[i + 1] - carried;
                let t = (d[i] - h) * sine + 2.0 * cosine * b;
                carried = sine * t;
                d[i + 1] = h + carried;
                g = cosine * t - b;
                let (upper, lower) = vectors[i * n..(i + 2) * n].split_at_mut(n);
                for (x, y) in upper.iter_mut().zip(lower) {
                    let old = *y;
                    *y = sine * *x + cosine * old;
                    *x = cosine * *x - sine * old;
                }
            }
            if !split {
                d[l] -= carried;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symmetric matrix of given rank from a fixed pattern.
    fn matrix(n: usize, rank: usize) -> Vec<f64> {
        let b: Vec<f64> = (0..n * rank)
            .map(|i| (((i * i * 7 + i * 31) % 97) as f64) / 48.0 - 1.0)
            .collect();
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                a[i * n + j] = (0..rank).map(|r| b[i * rank + r] * b[j * rank + r]).sum();
            }
        }
        a
    }

    /// Rebuilds the matrix from its factors, and checks that the vectors are orthonormal.
    #[test]
    fn factors_rebuild_the_matrix() {
        for (n, rank) in [(1, 1), (2, 2), (3, 1), (5, 5), (24, 7), (60, 60), (33, 0)] {
            let a = matrix(n, rank);
            let (values, vectors) = symmetric(a.clone(), n);
            let size = a.iter().fold(1.0f64, |m, x| m.max(x.abs()));
            assert!(values.windows(2).all(|w| w[0] >= w[1]));
            for i in 0..n {
                for j in 0..n {
                    let rebuilt: f64 = (0..n)
                        .map(|k| values[k] * vectors[k * n + i] * vectors[k * n + j])
                        .sum();
                    assert!(
                        (rebuilt - a[i * n + j]).abs() < 1e-12 * size * n as f64,
                        "{n} {i} {j}: {rebuilt} {}",
                        a[i * n + j]
                    );
                    let dot: f64 = (0..n)
                        .map(|k| vectors[i * n + k] * vectors[j * n + k])
                        .sum();
                    let wanted = if i == j { 1.0 } else { 0.0 };
                    assert!((dot - wanted).abs() < 1e-12 * n as f64);
                }
            }
        }
    }

    #[test]
    fn a_known_spectrum() {
        // The second difference matrix of size n has the eigenvalues 2 − 2 cos(kπ / (n + 1)).
        let n = 20;
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            a[i * n + i] = 2.0;
            if i > 0 {
                a[i * n + i - 1] = -1.0;
                a[(i - 1) * n + i] = -1.0;
            }
        }
        let (values, _) = symmetric(a, n);
        for (k, value) in values.iter().rev().enumerate() {
            let angle = (k + 1) as f64 * std::f64::consts::PI / (n + 1) as f64;
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-13);
        }
    }
}
