//! Where tiles lie.

/// Upper left corners `(left, top)` of the tiles of an image, column by column.
///
/// The rule of the development kit and of mmrotate: steps of `size - overlap` from the upper left; a tile that would reach beyond the border is moved back
/// to it. An image that is smaller than a tile has one. `overlap` must be below `size`.
pub fn windows(width: usize, height: usize, size: usize, overlap: usize) -> Vec<(usize, usize)> {
    let starts = |extent: usize| -> Vec<usize> {
        let step = size.saturating_sub(overlap).max(1);
        let last = extent.saturating_sub(size);
        let mut starts: Vec<usize> = (0..last).step_by(step).collect();
        starts.push(last);
        starts
    };
    let tops = starts(height);
    starts(width)
        .into_iter()
        .flat_map(|left| tops.iter().map(move |&top| (left, top)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::windows;

    #[test]
    fn starts_are_those_of_the_development_kit() {
        // 2000 wide: 0, 824, then 1648 would end at 2672, so back to 976.
        let lefts: Vec<usize> = windows(2000, 500, 1024, 200).iter().map(|w| w.0).collect();
        assert_eq!(lefts, [0, 824, 976]);
        assert_eq!(windows(1024, 1024, 1024, 200), [(0, 0)]);
        assert_eq!(windows(100, 50, 1024, 200), [(0, 0)]);
        assert_eq!(windows(1848, 1024, 1024, 200), [(0, 0), (824, 0)]);
        assert_eq!(
            windows(1025, 1025, 1024, 200),
            [(0, 0), (0, 1), (1, 0), (1, 1)]
        );
    }

    #[test]
    fn every_pixel_is_in_a_tile() {
        for extent in [1, 63, 64, 65, 100, 127, 128, 129, 300] {
            let starts: Vec<usize> = windows(extent, 1, 64, 20).iter().map(|w| w.0).collect();
            let covered = |x: usize| starts.iter().any(|&s| (s..s + 64).contains(&x));
            assert!((0..extent).all(covered), "{extent}: {starts:?}");
            assert!(starts.iter().all(|&s| s + 64 <= extent.max(64)));
        }
    }
}
