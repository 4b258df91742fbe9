//! Batches as tensors (feature `burn`).
#![cfg(feature = "burn")]

use std::sync::Arc;

use rs_datasets::{
    Dataset, Loader, LoaderConfig, Order, Pipeline, SyntheticConfig, SyntheticScenes,
};
use rs_datasets::{image_tensor, mask_tensor, to_tensors};

type B = burn_flex::Flex;

fn loader(scenes: SyntheticScenes) -> Loader {
    let n = scenes.len();
    let config = LoaderConfig::new(3, Order::Shuffled, 0);
    Loader::new(
        Arc::new(scenes),
        (0..n).collect(),
        Pipeline::default(),
        config,
    )
    .unwrap()
}

#[test]
fn values_and_labels_keep_their_places() {
    let config = SyntheticConfig {
        size: 8,
        ..SyntheticConfig::balanced(1, 0)
    };
    let batch = loader(SyntheticScenes::classification(config.clone()).unwrap())
        .epoch(0)
        .next()
        .unwrap()
        .unwrap();
    let (images, labels) = to_tensors::<B>(&batch, &Default::default()).unwrap();
    assert_eq!(images.dims(), [3, 13, 8, 8]);
    assert_eq!(images.into_data().to_vec::<f32>().unwrap(), batch.images);
    let labels: Vec<i64> = labels.into_data().convert::<i64>().to_vec().unwrap();
    assert_eq!(
        labels,
        batch
            .labels
            .iter()
            .map(|&class| class as i64)
            .collect::<Vec<_>>()
    );
    assert!(mask_tensor::<B>(&batch, &Default::default()).is_err());

    let batch = loader(SyntheticScenes::segmentation(config).unwrap())
        .epoch(0)
        .next()
        .unwrap()
        .unwrap();
    assert!(to_tensors::<B>(&batch, &Default::default()).is_err());
    assert_eq!(
        image_tensor::<B>(&batch, &Default::default()).dims(),
        [3, 13, 8, 8]
    );
    assert_eq!(
        mask_tensor::<B>(&batch, &Default::default())
            .unwrap()
            .dims(),
        [3, 8, 8]
    );
}
