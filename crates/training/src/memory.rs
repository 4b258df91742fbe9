//! Peak memory of this process.

/// Peak resident memory of this process in bytes since it started; `None` where the system does not tell.
///
/// Linux only (`VmHWM` of `/proc/self/status`). The peak never falls: to compare runs, give each its own process.
pub fn peak_rss_bytes() -> Option<u64> {
    if cfg!(target_os = "linux") {
        parse(&std::fs::read_to_string("/proc/self/status").ok()?)
    } else {
        None
    }
}

/// `VmHWM` in bytes; the kernel gives kibibytes.
fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let mut words = line.split_whitespace().skip(1);
    let kib: u64 = words.next()?.parse().ok()?;
    (words.next()? == "kB").then_some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernel_format() {
        assert_eq!(
            parse("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(parse("Name:\tx\n"), None);
        assert_eq!(parse("VmHWM:\tmany kB\n"), None);
        assert_eq!(parse("VmHWM:\t2048 MB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_covers_what_was_touched() {
        let touched = std::hint::black_box(vec![1_u8; 32 << 20]);
        let peak = peak_rss_bytes().unwrap();
        assert!(peak >= touched.len() as u64, "{peak}");
    }
}
