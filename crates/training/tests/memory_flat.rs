//! Memory does not grow with the number of steps. Alone in its file: the peak is the process's.

#![cfg(target_os = "linux")]

mod common;

use common::{B, Mlp, config, loss, source};
use training::{EpochPoint, Hooks, Progress, StepReport, fit, peak_rss_bytes};

#[derive(Default)]
struct Peaks(Vec<(usize, u64)>);

impl Progress for Peaks {
    fn step(&mut self, report: &StepReport) {
        self.0.push((report.step, peak_rss_bytes().unwrap()));
    }

    fn epoch(&mut self, _: &EpochPoint) {}
}

#[test]
fn the_peak_after_step_5_is_the_peak_after_step_50() {
    // 512 rows x 2048 hidden units: the graph of one step holds some 12 MB, so 45 kept graphs would be half a gigabyte.
    let device = Default::default();
    let model = Mlp::<B>::new(2048, 0.1, &device);
    let mut peaks = Peaks::default();
    let hooks = Hooks::none().progress(&mut peaks);
    fit::<B, _, _, _>(model, &config(2), &loss, &source(30, 512), &device, hooks).unwrap();
    let at = |step: usize| peaks.0.iter().find(|p| p.0 == step).unwrap().1;
    let growth = at(50) - at(5);
    // Room for the allocator: less than what a single kept graph takes.
    assert!(growth < 10 << 20, "grew by {growth} bytes from {}", at(5));
}
