//! Backward passes on several threads at once, under the lock.

use burn::backend::Autodiff;
use burn::tensor::Tensor;
use burn_flex::Flex;

type B = Autodiff<Flex>;

/// A leaf that was differentiated before starts a graph of one operation, whose output is moved into a concatenation: while the numbers
/// are copied nothing but the operation to come knows of it.
fn missing_gradients(rounds: usize) -> usize {
    let device = Default::default();
    let leaf = || Tensor::<B, 2>::ones([256, 256], &device).require_grad();
    let mut missing = 0;
    for _ in 0..rounds {
        let _graph = fused_ops::lock_autodiff();
        let reused = leaf();
        drop((reused.clone() * 3.0).sum().backward());
        let parts = vec![reused.clone() * 2.0, leaf()];
        let gradients = Tensor::cat(parts, 0).sum().backward();
        missing += usize::from(reused.grad(&gradients).is_none());
    }
    missing
}

/// Without the lock gradients are lost in this test, hundreds in two thousand rounds on two processors.
#[test]
fn no_thread_loses_a_gradient_to_another() {
    let threads: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(|| missing_gradients(500)))
        .collect();
    let missing: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert_eq!(missing, 0);
}

#[test]
fn a_thread_may_take_the_lock_again() {
    let _outer = fused_ops::lock_autodiff();
    assert_eq!(missing_gradients(1), 0);
}
