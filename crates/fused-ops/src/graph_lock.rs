//! One backward pass at a time: a lock around everything between the first tracked operation and the gradients.

use parking_lot::{ReentrantMutex, ReentrantMutexGuard};

static LOCK: ReentrantMutex<()> = ReentrantMutex::new(());

/// Held while this thread builds a graph and differentiates it; see [`lock_autodiff`].
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct AutodiffLock {
    _held: ReentrantMutexGuard<'static, ()>,
}

/// Waits until no other thread of this process holds the lock, and takes it. A thread that holds it may take it again.
///
/// The backward pass of burn 0.21 ends with a sweep over every graph of the process, also over those that another thread is still
/// building. It may free a step whose tensor has just been moved into an operation that is not registered yet; the other thread's
/// gradients then lack parameters, or parts of them, without any error (burn issue 5573, open in 0.21). Whoever calls
/// `backward` from several threads therefore holds this lock from the first tracked operation until the gradients are there. `training`
/// does so around each step. Passes that need no gradient do not need it.
pub fn lock_autodiff() -> AutodiffLock {
    AutodiffLock { _held: LOCK.lock() }
}
