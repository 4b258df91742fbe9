//! Training areas as somebody would draw them: squares well inside one class.

/// A square of pixels of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) side: usize,
    pub(super) class: usize,
}

/// Most squares per class, and the sides they may have.
const PER_CLASS: usize = 12;
const SIDES: [usize; 2] = [12, 40];

/// Squares of one class each in a raster of `size` x `size` class indices, large ones first, none overlapping another.
pub(super) fn areas(classes: &[u8], size: usize, count: usize) -> Vec<Area> {
    let sides = largest_squares(classes, size);
    let mut taken = vec![false; size * size];
    let mut found: Vec<Area> = Vec::new();
    for class in 0..count {
        let mut corners: Vec<usize> = (0..size * size)
            .filter(|&at| usize::from(classes[at]) == class && sides[at] >= SIDES[0])
            .collect();
        corners.sort_by_key(|&at| (std::cmp::Reverse(sides[at].min(SIDES[1])), at));
        let mut left = PER_CLASS;
        for at in corners {
            let side = sides[at].min(SIDES[1]);
            // `at` is the lower right corner.
            let (row, column) = (at / size + 1 - side, at % size + 1 - side);
            let free =
                (row..row + side).all(|y| (column..column + side).all(|x| !taken[y * size + x]));
            if !free {
                continue;
            }
            for y in row..row + side {
                taken[y * size + column..y * size + column + side].fill(true);
            }
            found.push(Area {
                column,
                row,
                side,
                class,
            });
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
    found
}

/// For every pixel the side of the largest square of its class of which it is the lower right corner.
fn largest_squares(classes: &[u8], size: usize) -> Vec<usize> {
    let mut sides = vec![1; size * size];
    for row in 1..size {
        for column in 1..size {
            let at = row * size + column;
            let around = [at - 1, at - size, at - size - 1];
            if around.iter().all(|&other| classes[other] == classes[at]) {
                sides[at] = 1 + around
                    .map(|other| sides[other])
                    .into_iter()
                    .min()
                    .unwrap_or(0);
            }
        }
    }
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_lie_in_one_class_and_apart() {
        let size = 64;
        // Left half 0, right half 1, with a hole of 2 that is too small for a square.
        let class = |at: usize| match (at / size, at % size) {
            (30..34, 10..14) => 2,
            (_, 0..32) => 0,
            _ => 1,
        };
        let classes: Vec<u8> = (0..size * size).map(class).collect();
        let found = areas(&classes, size, 3);
        let mut seen = vec![0; size * size];
        for area in &found {
            assert!((SIDES[0]..=SIDES[1]).contains(&area.side));
            for y in area.row..area.row + area.side {
                for x in area.column..area.column + area.side {
                    assert_eq!(usize::from(classes[y * size + x]), area.class);
                    seen[y * size + x] += 1;
                }
            }
        }
        assert!(seen.iter().all(|&times| times <= 1));
        let has = |class| found.iter().any(|area| area.class == class);
        assert!(has(0) && has(1) && !has(2));
    }
}
