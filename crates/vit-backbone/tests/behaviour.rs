//! What the model promises beside its numbers: seeds, caching, features, the seam, stochastic depth, sizes.

use std::cell::RefCell;

use burn::module::{AutodiffModule, Module};
use burn::nn::Linear;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use testkit::{FlexBackend, NdArrayBackend, Tolerance, assert_close, check_gradient};
use vit_backbone::{
    FeatureRequest, LayerNorm, LinearSite, NormSite, Pooling, PositionKind, Seam, TokenEmbed, Vit,
    VitConfig, apply_linear, fingerprint, pool, to_map,
};

fn tiny() -> VitConfig {
    VitConfig {
        image_size: 16,
        patch_size: 4,
        dim: 12,
        depth: 3,
        heads: 3,
        mlp_dim: 24,
        positions: PositionKind::SinCos2d,
        ..VitConfig::default()
    }
}

fn image<B: Backend>(shape: [usize; 4]) -> Tensor<B, 4> {
    let count = shape.iter().product::<usize>();
    let pixels: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_data(TensorData::new(pixels, shape), &B::Device::default())
}

#[test]
fn a_seed_is_a_model_on_every_backend_and_after_cloning() {
    let config = VitConfig {
        positions: PositionKind::Learned,
        register_tokens: 1,
        ..tiny()
    };
    let flex = Vit::<FlexBackend>::init(&config, 3, &Default::default()).unwrap();
    let ndarray = Vit::<NdArrayBackend>::init(&config, 3, &Default::default()).unwrap();
    assert_eq!(fingerprint(&flex), fingerprint(&ndarray));
    assert_eq!(fingerprint(&flex.clone()), fingerprint(&flex));
    assert_eq!(fingerprint(&flex.valid()), fingerprint(&flex));
    let other = Vit::<FlexBackend>::init(&config, 4, &Default::default()).unwrap();
    assert_ne!(fingerprint(&other), fingerprint(&flex));
    // Fixed positions are no parameters, learned ones are; burn counts what the configuration says.
    assert_eq!(flex.num_params(), config.parameter_count());
    let fixed = Vit::<FlexBackend>::init(&tiny(), 3, &Default::default()).unwrap();
    assert_eq!(fixed.num_params(), tiny().parameter_count());
}

#[test]
fn impossible_configurations_are_errors_not_panics() {
    for config in [
        VitConfig { heads: 5, ..tiny() },
        VitConfig { dim: 0, ..tiny() },
        VitConfig {
            patch_size: 0,
            ..tiny()
        },
    ] {
        assert!(Vit::<FlexBackend>::init(&config, 0, &Default::default()).is_err());
    }
}

fn cached_prefix<B: AutodiffBackend>() {
    let vit = Vit::<B>::init(&tiny(), 1, &Default::default()).unwrap();
    let image = image::<B>([2, 3, 16, 16]);
    let (x, mut pass) = vit.embed(image.clone(), &());
    let cached = vit.run_blocks(x, &mut pass, 0..2, &());
    let output = vit.final_norm(vit.run_blocks(cached, &mut pass, 2..3, &()), &());
    assert_close(
        &output.into_data(),
        &vit.forward(image, &()).into_data(),
        Tolerance::EXACT,
        "cached prefix",
    );
}

fn pooled_and_mapped_features<B: AutodiffBackend>() {
    let vit = Vit::<B>::init(&tiny(), 1, &Default::default()).unwrap();
    let request = FeatureRequest {
        blocks: vec![1, 2],
        final_norm: true,
    };
    request.validate(3).unwrap();
    assert!(FeatureRequest::block(3).validate(3).is_err());
    // A wide image: three rows and five columns of patches.
    let features = vit.features(image::<B>([2, 3, 12, 20]), &request, &());
    assert_eq!(features.len(), 2);
    let prefix = vit.prefix_tokens(&());
    let tokens = features[1].clone();
    assert_eq!(tokens.dims(), [2, 16, 12]);
    let map = to_map(tokens.clone(), prefix, [3, 5]);
    assert_eq!(map.dims(), [2, 12, 3, 5]);
    // Row 2, column 4 of the map is the last patch token.
    let corner = map
        .clone()
        .slice([0..2, 0..12, 2..3, 4..5])
        .reshape([2, 12]);
    let last = tokens.clone().narrow(1, 15, 1).reshape([2, 12]);
    assert_close(
        &corner.into_data(),
        &last.into_data(),
        Tolerance::EXACT,
        "map corner",
    );
    let mean = pool(tokens.clone(), prefix, Pooling::PatchMean);
    let expected = map.mean_dim(2).mean_dim(3).reshape([2, 12]);
    assert_close(
        &mean.into_data(),
        &expected.into_data(),
        Tolerance::F32,
        "patch mean",
    );
    let class = pool(tokens.clone(), prefix, Pooling::ClassToken);
    assert_close(
        &class.into_data(),
        &tokens.narrow(1, 0, 1).reshape([2, 12]).into_data(),
        Tolerance::EXACT,
        "class token",
    );
}

/// A seam that changes nothing and writes down where it was called.
#[derive(Default)]
struct Recorder {
    calls: RefCell<Vec<String>>,
}

impl<B: Backend> Seam<B> for Recorder {
    type State = usize;

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, usize) {
        self.calls.borrow_mut().push("embed".into());
        let grid = base.grid(&image);
        (base.assemble(base.patches(image), grid), 0)
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.calls.borrow_mut().push(site.to_string());
        apply_linear(base, x)
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.calls.borrow_mut().push(site.to_string());
        base.forward(x)
    }

    fn after_block(&self, _block: usize, x: Tensor<B, 3>, state: &mut usize) -> Tensor<B, 3> {
        *state += 1;
        x
    }

    fn extra_tokens(&self) -> usize {
        2
    }
}

fn the_seam_sees_every_place_in_order<B: AutodiffBackend>() {
    let vit = Vit::<B>::init(&tiny(), 1, &Default::default()).unwrap();
    let image = image::<B>([1, 3, 16, 16]);
    let recorder = Recorder::default();
    let output = vit.forward(image.clone(), &recorder);
    assert_close(
        &output.into_data(),
        &vit.forward(image.clone(), &()).into_data(),
        Tolerance::EXACT,
        "recorded",
    );
    let calls = recorder.calls.take();
    let expected_linear: Vec<String> = vit.linear_sites().iter().map(ToString::to_string).collect();
    let linear: Vec<String> = calls
        .iter()
        .filter(|c| c.parse::<LinearSite>().is_ok())
        .cloned()
        .collect();
    assert_eq!(linear, expected_linear);
    let expected_norm: Vec<String> = vit.norm_sites().iter().map(ToString::to_string).collect();
    let norm: Vec<String> = calls
        .iter()
        .filter(|c| c.parse::<NormSite>().is_ok())
        .cloned()
        .collect();
    assert_eq!(norm, expected_norm);
    assert_eq!(calls.len(), 1 + 12 + 7);
    assert_eq!(Seam::<B>::extra_tokens(&recorder), 2);
    assert_eq!(vit.prefix_tokens(&recorder), 3);
    let (x, mut pass) = vit.embed(image, &recorder);
    vit.run_blocks(x, &mut pass, 1..3, &recorder);
    assert_eq!(pass.state, 2);
    for site in vit.linear_sites() {
        assert_eq!(
            vit.linear(site).weight.dims()[0],
            if site.map.name() == "mlp.fc2" { 24 } else { 12 }
        );
    }
}

fn gradient_with_respect_to_the_image<B: AutodiffBackend>() {
    let vit = Vit::<B>::init(&tiny(), 2, &Default::default()).unwrap();
    let at = image::<B>([1, 3, 8, 8]).into_data();
    let function = |x: Tensor<B, 4>| vit.forward(x, &()).powi_scalar(3).mean();
    check_gradient::<B, 4>(function, at, 1e-2, Tolerance::FINITE_DIFFERENCE, "image");
}

/// Stochastic depth: the identity outside training, whole samples skipped or scaled in it, right on average.
fn stochastic_depth<B: AutodiffBackend>() {
    let device = B::Device::default();
    B::seed(&device, 1);
    let config = VitConfig {
        depth: 2,
        drop_path: 0.5,
        ..tiny()
    };
    let vit = Vit::<B>::init(&config, 1, &device).unwrap();
    let plain = Vit::<B>::init(
        &VitConfig {
            drop_path: 0.0,
            ..config
        },
        1,
        &device,
    )
    .unwrap();
    assert_eq!(
        vit.blocks
            .iter()
            .map(|block| block.drop_path.rate)
            .collect::<Vec<_>>(),
        [0.0, 0.5]
    );
    let inner = image::<B::InnerBackend>([2, 3, 16, 16]);
    let output = |vit: &Vit<B>| vit.valid().forward(inner.clone(), &()).into_data();
    assert_close(
        &output(&vit),
        &output(&plain),
        Tolerance::EXACT,
        "inference",
    );

    let branch = Tensor::<B, 3>::ones([2000, 1, 2], &device);
    let values: Vec<f32> = vit.blocks[1]
        .drop_path
        .forward(branch)
        .into_data()
        .iter::<f32>()
        .collect();
    assert!(
        values
            .chunks_exact(2)
            .all(|sample| sample == [0.0, 0.0] || sample == [2.0, 2.0])
    );
    let mean = values.iter().sum::<f32>() / 4000.0;
    assert!((mean - 1.0).abs() < 0.1, "{mean}");
}

testkit::backend_matrix!(
    cached_prefix,
    pooled_and_mapped_features,
    the_seam_sees_every_place_in_order,
    gradient_with_respect_to_the_image,
    stochastic_depth,
);
