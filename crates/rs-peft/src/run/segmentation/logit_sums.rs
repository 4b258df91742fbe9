//! Logits of windows, averaged over the image that they cover.

/// The windows of one image, summed up.
pub(crate) struct LogitSums {
    classes: usize,
    extent: [usize; 2],
    /// Logits summed over windows, `[class, row, column]`.
    sums: Vec<f32>,
    /// Windows over each pixel.
    times: Vec<f32>,
}

impl LogitSums {
    /// Of an image of `extent` rows and columns; no window is there yet.
    pub(crate) fn new(classes: usize, extent: [usize; 2]) -> Self {
        let area = extent[0] * extent[1];
        Self {
            classes,
            extent,
            sums: vec![0.0; classes * area],
            times: vec![0.0; area],
        }
    }

    /// Rows and columns of the image.
    pub(crate) fn extent(&self) -> [usize; 2] {
        self.extent
    }

    /// Adds the logits `[class, row, column]` of a window of `height` by `width` pixels.
    pub(crate) fn add(
        &mut self,
        logits: &[f32],
        [top, left]: [usize; 2],
        [height, width]: [usize; 2],
    ) {
        let [rows, columns] = self.extent;
        for row in 0..height {
            let at = (top + row) * columns + left;
            self.times[at..at + width]
                .iter_mut()
                .for_each(|times| *times += 1.0);
            for class in 0..self.classes {
                let from = &logits[(class * height + row) * width..][..width];
                let sums = &mut self.sums[class * rows * columns + at..][..width];
                sums.iter_mut()
                    .zip(from)
                    .for_each(|(sum, logit)| *sum += logit);
            }
        }
    }

    /// The class of every pixel, once windows cover them all.
    pub(crate) fn predictions(&self) -> Vec<usize> {
        let area = self.extent[0] * self.extent[1];
        (0..area)
            .map(|at| {
                let logit = |class: usize| self.sums[class * area + at] / self.times[at];
                // The first of equals, as PyTorch's argmax.
                (1..self.classes).fold(0, |best, class| {
                    if logit(class) > logit(best) {
                        class
                    } else {
                        best
                    }
                })
            })
            .collect()
    }
}
