//! Every network against diffusers and transformers, from tiny files in the published layout: each stage, the output, and
//! gradients, on every compiled backend.

mod support;

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use stable_diffusion::{
    BetaSchedule, Draws, FeatureOptions, LoadOptions, NoiseSchedule, Prediction, Stage,
};
use testkit::{Tolerance, assert_close};

use support::{close, golden, load, matrix, of, times, trainable, whole};

fn unet<B: AutodiffBackend>() {
    let golden = golden("unet");
    let device = B::Device::default();
    let unet = trainable(&load::<B>(&LoadOptions::default()).0.unet);
    let times = times(&golden);
    let latents = golden.tensor::<B, 4>("latents", &device).require_grad();
    let context = golden.tensor::<B, 3>("context", &device).require_grad();

    close::<B>(
        unet.embed_times(&times).into_data(),
        &golden,
        "time_embedding",
    );
    close::<B>(
        unet.conv_in.forward(latents.clone()).into_data(),
        &golden,
        "conv_in",
    );
    let levels = 0..unet.config.levels();
    let stages: Vec<Stage> = levels
        .clone()
        .map(Stage::Down)
        .chain([Stage::Mid])
        .chain(levels.map(Stage::Up))
        .collect();
    let features = unet
        .features(latents.clone(), &times, context.clone(), &stages, &())
        .unwrap();
    for (stage, feature) in stages.iter().zip(features) {
        close::<B>(feature.into_data(), &golden, &stage.to_string());
    }

    let output = unet
        .forward(latents.clone(), &times, context.clone(), &())
        .unwrap();
    close::<B>(output.clone().into_data(), &golden, "output");
    let loss = (output.clone() * output * golden.tensor("probe", &device)).sum();
    close::<B>(loss.clone().into_data(), &golden, "loss");
    let grads = loss.backward();
    close::<B>(
        latents.grad(&grads).unwrap().into_data(),
        &golden,
        "grad.latents",
    );
    close::<B>(
        context.grad(&grads).unwrap().into_data(),
        &golden,
        "grad.context",
    );
    let mut gradients = 0;
    for name in golden.names().filter_map(|name| name.strip_prefix("grad.")) {
        let up = unet.up.as_ref().unwrap();
        let found = match name {
            "latents" | "context" => continue,
            "conv_in.weight" => of(&unet.conv_in.weight, &grads),
            "time_embedding.linear_1.weight" => matrix(&unet.time_embedding.linear_1, &grads),
            "up_blocks.1.resnets.2.norm1.weight" => {
                of(&up.up_blocks[1].resnets[2].norm1.gamma, &grads)
            }
            "up_blocks.2.upsamplers.0.conv.weight" => {
                of(&up.up_blocks[2].upsampler.as_ref().unwrap().weight, &grads)
            }
            linear => {
                let site = linear.strip_suffix(".weight").unwrap().parse().unwrap();
                matrix(unet.linear(site).unwrap(), &grads)
            }
        };
        close::<B>(found, &golden, &format!("grad.{name}"));
        gradients += 1;
    }
    assert_eq!(gradients, 6);
}

fn vae<B: AutodiffBackend>() {
    let golden = golden("vae");
    let device = B::Device::default();
    let vae = trainable(&load::<B>(&whole()).0.vae);
    let image = golden.tensor::<B, 4>("image", &device).require_grad();
    let mut seen = 0;
    let mut compare = |part: String, x: &Tensor<B, 4>| {
        close::<B>(x.clone().into_data(), &golden, &part);
        seen += 1;
    };
    let posterior = vae
        .encode_watched(image.clone(), &mut |part, x| {
            compare(format!("encoder.{part}"), x);
        })
        .unwrap();
    close::<B>(posterior.mean.clone().into_data(), &golden, "mean");
    close::<B>(posterior.logvar.clone().into_data(), &golden, "logvar");
    let decoded = vae
        .decode_watched(posterior.mean.clone(), &mut |part, x| {
            compare(format!("decoder.{part}"), x);
        })
        .unwrap();
    let expected = golden.names().filter(|name| name.contains("coder."));
    let expected = expected.filter(|name| !name.starts_with("grad."));
    assert_eq!(seen, expected.count());
    close::<B>(decoded.into_data(), &golden, "decoded");
    let sample = posterior.sample(golden.tensor("noise", &device)) * vae.config.scaling_factor;
    close::<B>(sample.clone().into_data(), &golden, "sample");
    let loss = (sample.clone() * sample * golden.tensor("probe", &device)).sum();
    close::<B>(loss.clone().into_data(), &golden, "loss");
    let grads = loss.backward();
    close::<B>(
        image.grad(&grads).unwrap().into_data(),
        &golden,
        "grad.image",
    );
    let encoder = &vae.encoder;
    let halving = encoder.down_blocks[0].resample.as_ref().unwrap();
    for (name, found) in [
        (
            "encoder.down_blocks.0.downsamplers.0.conv.weight",
            of(&halving.weight, &grads),
        ),
        (
            "encoder.mid_block.attentions.0.to_q.weight",
            matrix(&encoder.mid_block.attention.to_q, &grads),
        ),
        ("quant_conv.weight", of(&vae.quant_conv.weight, &grads)),
    ] {
        close::<B>(found, &golden, &format!("grad.{name}"));
    }
}

fn text_encoder<B: AutodiffBackend>() {
    let golden = golden("text");
    let device = B::Device::default();
    let model = load::<B>(&LoadOptions::default()).0;
    let text = trainable(&model.text_encoder);
    let prompts = ["", "an ORS image of a harbor"].map(|p| model.prompt(p).unwrap().ids);
    let flat: Vec<i64> = prompts.iter().flatten().map(|id| i64::from(*id)).collect();
    assert_eq!(flat, golden.data("ids").iter::<i64>().collect::<Vec<_>>());
    for (number, state) in text
        .hidden_states(&prompts)
        .unwrap()
        .into_iter()
        .enumerate()
    {
        close::<B>(state.into_data(), &golden, &format!("hidden.{number}"));
    }
    let output = text.encode(&prompts).unwrap();
    close::<B>(output.clone().into_data(), &golden, "output");
    let loss = (output.clone() * output * golden.tensor("probe", &device)).sum();
    close::<B>(loss.clone().into_data(), &golden, "loss");
    let grads = loss.backward();
    for (name, found) in [
        (
            "embeddings.token_embedding.weight",
            of(&text.token_embedding, &grads),
        ),
        (
            "embeddings.position_embedding.weight",
            of(&text.position_embedding, &grads),
        ),
        (
            "encoder.layers.0.self_attn.q_proj.weight",
            matrix(&text.layers[0].q_proj, &grads),
        ),
        (
            "encoder.layers.1.mlp.fc1.weight",
            matrix(&text.layers[1].fc1, &grads),
        ),
        (
            "encoder.layers.1.self_attn.out_proj.bias",
            of(text.layers[1].out_proj.bias.as_ref().unwrap(), &grads),
        ),
        (
            "final_layer_norm.weight",
            of(&text.final_layer_norm.gamma, &grads),
        ),
    ] {
        close::<B>(found, &golden, &format!("grad.{name}"));
    }
}

fn schedule<B: AutodiffBackend>() {
    let golden = golden("schedule");
    let device = B::Device::default();
    let times = times(&golden);
    for (name, kind) in [
        ("scaled_linear", BetaSchedule::ScaledLinear),
        ("linear", BetaSchedule::Linear),
    ] {
        let schedule =
            NoiseSchedule::new(kind, 0.00085, 0.012, 1000, Prediction::Velocity).unwrap();
        let values = schedule
            .alphas_cumprod()
            .iter()
            .map(|a| *a as f32)
            .collect();
        let values = burn::tensor::TensorData::new::<f32, _>(values, [1000]);
        close::<B>(values, &golden, &format!("{name}.alphas_cumprod"));
        let [latents, noise] = ["latents", "noise"].map(|n| golden.tensor::<B, 4>(n, &device));
        let noised = schedule
            .add_noise(latents.clone(), noise.clone(), &times)
            .unwrap();
        close::<B>(noised.into_data(), &golden, &format!("{name}.noised"));
        let velocity = schedule.target(latents, noise, &times).unwrap();
        close::<B>(velocity.into_data(), &golden, &format!("{name}.velocity"));
    }
    assert_eq!(
        load::<B>(&LoadOptions::default()).0.schedule,
        NoiseSchedule::sd_v1_5()
    );
}

/// The whole way from image and prompt to an averaged feature, however many latents go through at a time.
fn features<B: AutodiffBackend>() {
    let golden = golden("features");
    let device = B::Device::default();
    let model = load::<B>(&LoadOptions::default()).0;
    let prompt: String = golden.metadata_json("prompt");
    let context = model.context(&[model.prompt(&prompt).unwrap()]).unwrap();
    let image = golden.tensor::<B, 4>("image", &device);
    for (how, stage, at_once) in [
        ("sample", Stage::Mid, 8),
        ("sample", Stage::Mid, 2),
        ("sample", Stage::Down(2), 1),
        ("sample", Stage::Up(1), 3),
        ("mode", Stage::Mid, 2),
        ("mode", Stage::Up(1), 8),
    ] {
        let options = FeatureOptions {
            stage,
            time: golden.metadata_json("time"),
            at_once,
            ..FeatureOptions::default()
        };
        let draws = Draws {
            latents: (how == "sample").then(|| golden.tensor("own", &device)),
            noise: golden.tensor("noise", &device),
        };
        let feature = model
            .features_of_draws(image.clone(), &context, &options, &draws, &())
            .unwrap();
        let [_, channels, height, width] = feature.dims();
        let [_, _, rows, columns] = image.dims();
        assert_eq!(
            model.feature_shape(stage, [rows, columns]).unwrap(),
            [channels, height, width]
        );
        close::<B>(feature.into_data(), &golden, &format!("{how}.{stage}"));
    }
}

/// An image has the same feature alone and among others, and the same for the same seed.
fn features_of_an_image_are_its_own<B: AutodiffBackend>() {
    let device = B::Device::default();
    let model = load::<B>(&LoadOptions::default()).0;
    let context = model.context(&[model.prompt("").unwrap()]).unwrap();
    let images = stable_diffusion::standard_normal::<B>(3, "images", [2, 3, 64, 64], &device);
    let options = FeatureOptions {
        ensemble: 3,
        at_once: 2,
        ..FeatureOptions::default()
    };
    let feature = |images, options: &FeatureOptions| {
        let features = model.features(images, &context, options, &()).unwrap();
        features.into_data()
    };
    let both = Tensor::<B, 4>::from_data(feature(images.clone(), &options), &device);
    for number in 0..2 {
        let alone = feature(images.clone().narrow(0, number, 1), &options);
        let among = both.clone().narrow(0, number, 1).into_data();
        assert_close(&alone, &among, Tolerance::F32, "alone and among others");
    }
    let other = FeatureOptions {
        seed: 1,
        ..options.clone()
    };
    let (one, two) = (feature(images.clone(), &options), feature(images, &other));
    assert!(testkit::relative_error(&one, &two).0 > 1e-4);
}

testkit::backend_matrix!(
    unet,
    vae,
    text_encoder,
    schedule,
    features,
    features_of_an_image_are_its_own,
);
