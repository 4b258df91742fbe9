//! Smooth random fields (fractal value noise).

/// A random field over the plane, in about -1..1, the same for the same seed.
#[derive(Clone, Copy)]
pub(super) struct Noise {
    seed: u64,
}

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Value at a lattice point, uniform in -1..1 (splitmix64 of the coordinates).
    fn lattice(self, x: i64, y: i64, octave: u64) -> f64 {
        let mut z = self.seed
            ^ (x as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (y as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F)
            ^ octave.wrapping_mul(0x1656_67B1_9E37_79F9);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 * (2.0 / (1u64 << 53) as f64) - 1.0
    }

    /// One octave: lattice values with smoothstep between them.
    fn octave(self, x: f64, y: f64, octave: u64) -> f64 {
        let (x0, y0) = (x.floor(), y.floor());
        let smooth = |t: f64| t * t * (3.0 - 2.0 * t);
        let (u, v) = (smooth(x - x0), smooth(y - y0));
        let at = |dx: i64, dy: i64| self.lattice(x0 as i64 + dx, y0 as i64 + dy, octave);
        let top = at(0, 0) + u * (at(1, 0) - at(0, 0));
        let bottom = at(0, 1) + u * (at(1, 1) - at(0, 1));
        top + v * (bottom - top)
    }

    /// Sum of octaves, each half as wide and half as strong, the widest with features of `scale` pixels; standard deviation near 0.4.
    pub(super) fn fractal(self, x: f64, y: f64, scale: f64, octaves: u32) -> f64 {
        let mut sum = 0.0;
        let mut power = 0.0;
        for k in 0..octaves {
            let shrink = f64::from(1u32 << k);
            sum += self.octave(x * shrink / scale, y * shrink / scale, u64::from(k)) / shrink;
            power += 1.0 / (shrink * shrink);
        }
        sum / power.sqrt()
    }
}
