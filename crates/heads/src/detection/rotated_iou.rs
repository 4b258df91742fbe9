//! The overlap of oriented boxes, differentiable.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::oriented::Oriented;

/// Components of an edge shorter than this part of the box are read as this long: the edge is parallel to a side.
const PARALLEL: f64 = 1e-6;
/// Edges of the two boxes that are closer than this part of the box are one edge.
const COINCIDENT: f64 = 1e-5;

impl<B: Backend> Oriented<B> {
    fn area(&self) -> Tensor<B, 1> {
        self.width.clone() * self.height.clone()
    }

    /// This box as `other` sees it: in units of half `other`'s sides, so that `other` is the square from -1 to 1.
    ///
    /// Corners in the order in which they surround the box, `[boxes, 4]` each coordinate.
    fn corners_in(&self, other: &Self) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let (dx, dy) = (
            self.x.clone() - other.x.clone(),
            self.y.clone() - other.y.clone(),
        );
        let (cos, sin) = (other.angle.clone().cos(), other.angle.clone().sin());
        let x = cos.clone() * dx.clone() + sin.clone() * dy.clone();
        let y = cos * dy - sin * dx;
        let turn = self.angle.clone() - other.angle.clone();
        let (cos, sin) = (turn.clone().cos(), turn.sin());
        let (wide, high) = (self.width.clone() * 0.5, self.height.clone() * 0.5);
        let corner = |a: f64, b: f64| {
            let (along, across) = (wide.clone() * a, high.clone() * b);
            (
                x.clone() + cos.clone() * along.clone() - sin.clone() * across.clone(),
                y.clone() + sin.clone() * along + cos.clone() * across,
            )
        };
        let (xs, ys): (Vec<_>, Vec<_>) = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
            .map(|(a, b)| corner(a, b))
            .into_iter()
            .unzip();
        let column = |length: &Tensor<B, 1>| length.clone().unsqueeze_dim::<2>(1) * 0.5;
        (
            Tensor::stack::<2>(xs, 1) / column(&other.width),
            Tensor::stack::<2>(ys, 1) / column(&other.height),
        )
    }
}

/// Intersection over union, `[boxes]`, 0 to 1.
///
/// # Equation
/// The area of an intersection is `1/2 ∮ (x dy - y dx)` along its border, and the border is what of each box's edges lies inside the other. An
/// edge `p + t d`, `0 <= t <= 1`, lies inside for `t` in an interval `[s, e]` that four half-planes cut out; its part of the integral is
/// `(e - s) (p × d)`. So the area needs no vertices of the intersection and no order among them, and its gradient is exact wherever no corner of
/// a box lies on an edge of the other. Edges of both boxes on one line count once.
pub(super) fn rotated_iou<B: Backend>(a: &Oriented<B>, b: &Oriented<B>) -> Tensor<B, 1> {
    // In b's coordinates b is the square from -1 to 1; areas there are in units of a quarter of b's area.
    let (x, y) = a.corners_in(b);
    let (dx, dy) = (next(&x) - x.clone(), next(&y) - y.clone());
    let inside = share(&x, &dx, &y, &dy, 1.0 + COINCIDENT);
    let of_a = (inside * (x * dy - y * dx)).sum_dim(1).squeeze_dim::<1>(1);
    // Each edge of b has p × d = 2 there; how much of it lies inside a is seen from a.
    let (x, y) = b.corners_in(a);
    let (dx, dy) = (next(&x) - x.clone(), next(&y) - y.clone());
    let inside = share(&x, &dx, &y, &dy, 1.0 - COINCIDENT);
    let of_b = inside.sum_dim(1).squeeze_dim::<1>(1) * 2.0;
    let quarter = b.area() * 0.25;
    let common = (of_a + of_b) * 0.5 * quarter;
    // Rounding must not make an overlap larger than either box.
    let common = common.clamp_min(0.0).min_pair(a.area()).min_pair(b.area());
    let union = a.area() + b.area() - common.clone();
    common / union
}

/// The corner after each corner.
fn next<B: Backend>(corners: &Tensor<B, 2>) -> Tensor<B, 2> {
    let first = corners.clone().narrow(1, 0, 1);
    Tensor::cat(vec![corners.clone().narrow(1, 1, 3), first], 1)
}

/// The share of each edge inside the square from `-half` to `half`, `[boxes, 4]` as the edges.
fn share<B: Backend>(
    x: &Tensor<B, 2>,
    dx: &Tensor<B, 2>,
    y: &Tensor<B, 2>,
    dy: &Tensor<B, 2>,
    half: f64,
) -> Tensor<B, 2> {
    let between = |p: &Tensor<B, 2>, d: &Tensor<B, 2>| {
        // A parallel edge enters and leaves far away, or not at all; what stands in for its length is a constant.
        let parallel = d.clone().abs().lower_elem(PARALLEL);
        let d = d.clone().mask_fill(parallel, PARALLEL);
        let low = (p.clone().neg() - half) / d.clone();
        let high = (p.clone().neg() + half) / d;
        (low.clone().min_pair(high.clone()), low.max_pair(high))
    };
    let (enter_x, leave_x) = between(x, dx);
    let (enter_y, leave_y) = between(y, dy);
    let enter = enter_x.max_pair(enter_y).clamp_min(0.0);
    let leave = leave_x.min_pair(leave_y).clamp_max(1.0);
    (leave - enter).clamp_min(0.0)
}

#[cfg(test)]
mod tests {
    use burn::backend::Autodiff;
    use burn::tensor::TensorData;
    use oriented_boxes::{AngleConvention, OrientedBox, Point, iou};
    use proptest::prelude::*;
    use testkit::FlexBackend as Flex;

    use super::*;

    type Ad = Autodiff<Flex>;

    fn boxes<B: Backend>(rows: &[[f64; 5]]) -> (Tensor<B, 2>, Tensor<B, 1>) {
        let device = Default::default();
        let distances: Vec<f32> = rows
            .iter()
            .flat_map(|r| r[..4].iter().map(|v| *v as f32))
            .collect();
        let angles: Vec<f32> = rows.iter().map(|r| r[4] as f32).collect();
        (
            Tensor::from_data(TensorData::new(distances, [rows.len(), 4]), &device),
            Tensor::from_data(TensorData::new(angles, [rows.len()]), &device),
        )
    }

    fn of<B: Backend>(rows: &[[f64; 5]]) -> Oriented<B> {
        let (distances, angles) = boxes(rows);
        Oriented::new(&distances, &angles)
    }

    /// The overlap by clipping polygons in double precision.
    fn exact(a: [f64; 5], b: [f64; 5]) -> f64 {
        let quad = |[l, t, r, b, angle]: [f64; 5]| {
            let center = Point {
                x: (r - l) / 2.0,
                y: (b - t) / 2.0,
            }
            .turned(angle);
            let made = OrientedBox::new(center, l + r, t + b, angle, AngleConvention::Le90);
            made.unwrap().quad().unwrap()
        };
        iou(&quad(a), &quad(b))
    }

    fn found(a: [f64; 5], b: [f64; 5]) -> f64 {
        let value = rotated_iou(&of::<Flex>(&[a]), &of::<Flex>(&[b]));
        f64::from(value.into_scalar())
    }

    fn a_box() -> impl Strategy<Value = [f64; 5]> {
        [0.5..20.0, 0.5..20.0, 0.5..20.0, 0.5..20.0, -1.57..1.57]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn the_overlap_is_that_of_the_polygons(a in a_box(), b in a_box()) {
            let (found, exact) = (found(a, b), exact(a, b));
            prop_assert!((found - exact).abs() < 1e-4, "{} {}", found, exact);
        }

        #[test]
        fn boxes_that_share_edges_overlap_as_their_areas_say(a in a_box(), cut in 0.05..1.0f64) {
            prop_assert!((found(a, a) - 1.0).abs() < 1e-4);
            // The same box, cut short on one side: three edges lie on the other's.
            let [l, t, r, b, angle] = a;
            let short = [l, t, r * cut, b, angle];
            let exact = (l + r * cut) / (l + r);
            prop_assert!((found(a, short) - exact).abs() < 1e-4);
            prop_assert!((found(short, a) - exact).abs() < 1e-4);
            // Half a turn changes no box.
            let turned = [r, b, l, t, angle + std::f64::consts::PI];
            prop_assert!((found(a, turned) - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn boxes_apart_and_boxes_inside() {
        let apart = ([1.0, 1.0, -9.0, 1.0, 0.3], [-9.0, 1.0, 11.0, 1.0, 0.3]);
        assert_eq!(found(apart.0, apart.1), 0.0);
        let (large, small) = ([10.0, 10.0, 10.0, 10.0, 0.2], [1.0, 1.0, 1.0, 1.0, 0.9]);
        assert!((found(large, small) - 0.01).abs() < 1e-5);
        assert!((found(small, large) - 0.01).abs() < 1e-5);
    }

    #[test]
    fn the_gradient_is_that_of_the_polygons() {
        let _graph = testkit::lock_autodiff();
        let rows = [
            ([6.0, 3.0, 7.0, 2.5, 0.4], [5.0, 4.0, 8.0, 2.0, 0.1]),
            ([2.0, 9.0, 3.0, 8.0, -1.2], [6.0, 2.0, 5.0, 3.0, 0.2]),
            ([4.0, 4.0, 4.5, 4.0, 0.8], [4.0, 4.0, 4.0, 4.4, 0.0]),
            ([1.0, 1.0, 1.0, 1.2, 0.5], [9.0, 8.0, 9.0, 9.0, -0.3]),
        ];
        for (a, b) in rows {
            let (distances, angles) = boxes::<Ad>(&[a]);
            let (distances, angles) = (distances.require_grad(), angles.require_grad());
            let value = rotated_iou(&Oriented::new(&distances, &angles), &of(&[b]));
            let gradients = value.backward();
            let mut found: Vec<f32> = distances
                .grad(&gradients)
                .unwrap()
                .into_data()
                .to_vec()
                .unwrap();
            found.extend(
                angles
                    .grad(&gradients)
                    .unwrap()
                    .into_data()
                    .to_vec::<f32>()
                    .unwrap(),
            );
            for k in 0..5 {
                let step = 1e-5;
                let moved = |by: f64| {
                    let mut a = a;
                    a[k] += by;
                    exact(a, b)
                };
                let expected = (moved(step) - moved(-step)) / (2.0 * step);
                let found = f64::from(found[k]);
                assert!((found - expected).abs() < 2e-4, "{k}: {found} {expected}");
            }
        }
    }
}
