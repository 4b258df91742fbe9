//! Vector instructions, chosen when the program runs.

/// Runs `work` compiled for the widest vectors of the processor. What `work` calls must be `#[inline(always)]` to be compiled so too.
/// Nothing is contracted or reordered: the result has the same bits on every processor.
#[inline]
pub(crate) fn wide<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
