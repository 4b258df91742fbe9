//! LoRA over the seam: files of diffusers, peft and kohya's scripts against what diffusers computes with them, the denoising
//! objective against PyTorch, and training of nothing but the LoRA.

mod support;

use std::path::PathBuf;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use stable_diffusion::{
    LoadOptions, LoraLoadOptions, StableDiffusion, UnetLora, denoising_loss, standard_normal,
};
use testkit::{FlexBackend, Golden, Tolerance, assert_close, golden_root};

use support::{close, golden, load, of, read_tensors, times, write_tensors};

fn file(name: &str) -> PathBuf {
    golden_root().join("stable-diffusion/lora").join(name)
}

fn model<B: AutodiffBackend>() -> StableDiffusion<B> {
    load(&LoadOptions::default()).0
}

fn inputs<B: AutodiffBackend>(golden: &Golden) -> (Tensor<B, 4>, Vec<usize>, Tensor<B, 3>) {
    let device = B::Device::default();
    let context = golden.tensor("context", &device);
    (golden.tensor("latents", &device), times(golden), context)
}

fn files<B: AutodiffBackend>() {
    let golden = golden("lora");
    let unet = model::<B>().unet;
    let device = B::Device::default();
    let (latents, times, context) = inputs::<B>(&golden);
    let output = |lora: &UnetLora<B>| {
        unet.forward(latents.clone(), &times, context.clone(), lora)
            .unwrap()
            .into_data()
    };
    let frozen = unet
        .forward(latents.clone(), &times, context.clone(), &())
        .unwrap();
    close::<B>(frozen.into_data(), &golden, "frozen");
    for (name, expected, maps, scale) in [
        ("layers.safetensors", "layers", 128, "rank"),
        ("processors.bin", "processors", 128, "rank"),
        ("adapter.safetensors", "adapter", 192, "metadata"),
        ("pipeline.safetensors", "pipeline", 32, "metadata"),
        ("kohya.safetensors", "kohya", 128, "keys"),
    ] {
        let options = LoraLoadOptions::default();
        let (lora, report) = UnetLora::load(file(name), &unet, &options, &device).unwrap();
        assert_eq!(
            (report.maps, report.ranks.as_slice()),
            (maps, [2].as_slice()),
            "{name}"
        );
        assert!(report.scale_from.starts_with(scale), "{report:?}");
        close::<B>(output(&lora), &golden, expected);

        // Written and read again, it is the same function.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pytorch_lora_weights.safetensors");
        lora.save(&path).unwrap();
        let (again, _) = UnetLora::load(folder.path(), &unet, &options, &device).unwrap();
        close::<B>(output(&again), &golden, expected);
        assert!(again.maps.iter().all(|map| map.scale == 1.0));
    }
}

fn objective<B: AutodiffBackend>() {
    let golden = golden("lora");
    let model = model::<B>();
    let device = B::Device::default();
    let (latents, times, context) = inputs::<B>(&golden);
    let options = LoraLoadOptions::default();
    let (lora, _) =
        UnetLora::load(file("layers.safetensors"), &model.unet, &options, &device).unwrap();
    let noise = golden.tensor("noise", &device);
    let loss = denoising_loss(
        &model.unet,
        &model.schedule,
        latents,
        noise,
        &times,
        context,
        &lora,
    )
    .unwrap();
    close::<B>(loss.clone().into_data(), &golden, "loss");
    let grads = loss.backward();
    let mut compared = 0;
    for name in golden.names().filter_map(|name| name.strip_prefix("grad.")) {
        let (site, factor) = name.rsplit_once('.').unwrap();
        let site = site.parse().unwrap();
        let map = lora.maps.iter().find(|map| map.site == site).unwrap();
        let param = if factor == "lora_A" {
            &map.down
        } else {
            &map.up
        };
        let gradient = param.val().grad(&grads).unwrap().transpose().into_data();
        close::<B>(gradient, &golden, &format!("grad.{name}"));
        compared += 1;
    }
    assert_eq!(compared, 8);
    // The base is frozen: its parameters have no gradients.
    assert!(model.unet.conv_in.weight.val().grad(&grads).is_none());
    for site in model.unet.sites() {
        let base = model.unet.linear(site).unwrap();
        assert!(base.weight.val().grad(&grads).is_none(), "{site}");
    }
}

/// One step of plain gradient descent.
struct Step<'a, B: AutodiffBackend> {
    grads: &'a B::Gradients,
    rate: f64,
}

impl<B: AutodiffBackend> ModuleMapper<B> for Step<'_, B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let value = param.val();
        let gradient = Tensor::from_inner(value.grad(self.grads).expect("a gradient"));
        let value = (value.detach() - gradient * self.rate).detach();
        Param::initialized(ParamId::new(), value.require_grad())
    }
}

/// A few steps of the objective on fixed draws reduce it, and nothing but the LoRA changes.
fn training<B: AutodiffBackend>() {
    let model = model::<B>();
    let device = B::Device::default();
    let context = model.context(&[model.prompt("a harbor").unwrap()]).unwrap();
    let image = standard_normal::<B>(1, "image", [2, 3, 64, 64], &device);
    let posterior = model.posterior(image).unwrap();
    let latents = model.latents(&posterior, None);
    let noise = standard_normal::<B>(1, "noise", latents.dims(), &device);
    let times = [100, 600];
    let targets = UnetLora::<B>::ATTENTION;
    let mut lora = UnetLora::init(&model.unet, 2, 4.0, &targets, 7, &device).unwrap();
    assert_eq!(lora.maps.len(), 128);
    let expected: usize = (lora.maps.iter())
        .map(|map| model.unet.linear(map.site).unwrap().weight.dims())
        .map(|[inputs, outputs]| 2 * (inputs + outputs))
        .sum();
    assert_eq!(lora.trainable_parameters(), expected);

    let forward = |lora: &UnetLora<B>| {
        let output = model
            .unet
            .forward(latents.clone(), &times, context.clone(), lora);
        output.unwrap().into_data()
    };
    let frozen = model
        .unet
        .forward(latents.clone(), &times, context.clone(), &())
        .unwrap();
    let before = frozen.into_data();
    // `B` is zero: the start is the pretrained model.
    assert_close(&forward(&lora), &before, Tolerance::EXACT, "the start");
    let mut losses = Vec::new();
    for _ in 0..8 {
        let (latents, noise) = (latents.clone(), noise.clone());
        let context = context.clone();
        let loss = denoising_loss(
            &model.unet,
            &model.schedule,
            latents,
            noise,
            &times,
            context,
            &lora,
        )
        .unwrap();
        losses.push(loss.clone().into_data().iter::<f64>().sum::<f64>());
        let grads = loss.backward();
        lora = lora.map(&mut Step::<B> {
            grads: &grads,
            rate: 1.0,
        });
    }
    println!("{losses:?}");
    assert!(losses.is_sorted_by(|a, b| a > b), "{losses:?}");
    assert!(losses[7] < 0.985 * losses[0], "{losses:?}");
    let after = model
        .unet
        .forward(latents.clone(), &times, context.clone(), &())
        .unwrap();
    assert_close(&after.into_data(), &before, Tolerance::EXACT, "the base");
}

#[test]
fn targets_that_name_nothing_are_refused() {
    type B = FlexBackend;
    let unet = model::<B>().unet;
    let device = Default::default();
    let init = |rank, alpha, target: &str| {
        UnetLora::<B>::init(&unet, rank, alpha, &[target], 0, &device).map(|lora| lora.maps.len())
    };
    assert_eq!(init(2, 2.0, "attn2.to_v").unwrap(), 16);
    let full = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
    assert_eq!(init(2, 2.0, full).unwrap(), 1);
    for (target, near) in [
        ("to_qq", "`to_q` is the nearest"),
        ("o_q", "is the nearest"),
        ("mid_block.attentions.0.transformer_blocks.0.attn1.q", full),
        ("conv1", "names end in"),
    ] {
        let text = init(2, 2.0, target).unwrap_err().to_string();
        assert!(text.contains(near), "{target}: {text}");
    }
    assert!(
        init(0, 2.0, "to_q")
            .unwrap_err()
            .to_string()
            .contains("the rank is 0")
    );
    assert!(
        init(5, 2.0, "to_q")
            .unwrap_err()
            .to_string()
            .contains("1 to 4")
    );
    assert!(init(2, f64::NAN, "to_q").is_err());
}

#[test]
fn files_that_do_not_fit_are_refused() {
    type B = FlexBackend;
    let unet = model::<B>().unet;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lora.safetensors");
    let load =
        |options: &LoraLoadOptions| UnetLora::<B>::load(&path, &unet, options, &Default::default());
    let layers = read_tensors(&file("layers.safetensors"));
    let refused = |change: &dyn Fn(&mut support::Stored)| {
        let mut tensors = layers.clone();
        change(&mut tensors);
        write_tensors(&path, &tensors);
        load(&LoraLoadOptions::default()).unwrap_err().to_string()
    };
    let f32s = |shape: &[usize], value: f32| {
        let count: usize = shape.iter().product();
        let bytes = value.to_le_bytes().repeat(count);
        (safetensors::Dtype::F32, shape.to_vec(), bytes)
    };
    let with = |name: &str, shape: &[usize]| {
        let (dtype, shape, bytes) = f32s(shape, 0.5);
        let name = name.to_owned();
        move |tensors: &mut support::Stored| {
            tensors.push((name.clone(), dtype, shape.clone(), bytes.clone()));
        }
    };
    let text = refused(&|tensors| {
        tensors.pop();
    });
    assert!(text.contains("only one half is there"), "{text}");
    let text = refused(&|tensors| {
        let (dtype, shape, bytes) = f32s(&[2, 999], 0.5);
        let name = tensors[0].0.clone();
        tensors[0] = (name, dtype, shape, bytes);
    });
    assert!(text.contains("expected [rank, "), "{text}");
    let text = refused(&|tensors| {
        let (dtype, shape, bytes) = f32s(&tensors[0].2, f32::NAN);
        let name = tensors[0].0.clone();
        tensors[0] = (name, dtype, shape, bytes);
    });
    assert!(text.contains("NaN"), "{text}");
    let stem = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_r";
    let text = refused(&with(&format!("{stem}.lora.down.weight"), &[2, 12]));
    assert!(
        text.contains("attn1.to_") && text.contains("is the nearest"),
        "{text}"
    );
    let text = refused(&with(
        "unet.down_blocks.0.resnets.0.conv1.lora_A.weight",
        &[2, 4, 3, 3],
    ));
    assert!(text.contains("addresses no linear map"), "{text}");
    let text = refused(&with(
        "unet.mid_block.attentions.0.proj_in.lora_magnitude_vector",
        &[12],
    ));
    assert!(text.contains("DoRA"), "{text}");
    let text = refused(&with("conv_in.weight", &[1]));
    assert!(text.contains("belongs to no LoRA"), "{text}");
    let stem = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
    let text = refused(&with(&format!("{stem}.lora_A.weight"), &[2, 12]));
    assert!(text.contains("under two names"), "{text}");
    let text = refused(&|tensors| tensors.clear());
    assert!(text.contains("no LoRA of a U-Net"), "{text}");

    let text = refused(&with(
        "text_encoder.text_model.encoder.layers.0.q_proj.lora_A.weight",
        &[2, 12],
    ));
    assert!(text.contains("text encoder"), "{text}");
    let options = LoraLoadOptions {
        without_text_encoder: true,
        scale: 0.5,
    };
    let (lora, report) = load(&options).unwrap();
    assert_eq!((report.text_encoder, lora.maps[0].scale), (1, 0.5));
    assert!(
        load(&LoraLoadOptions {
            scale: f64::NAN,
            ..options
        })
        .is_err()
    );

    std::fs::write(&path, b"not a checkpoint at all").unwrap();
    assert!(load(&LoraLoadOptions::default()).is_err());
    let empty = tempfile::tempdir().unwrap();
    let error = UnetLora::<B>::load(
        empty.path(),
        &unet,
        &LoraLoadOptions::default(),
        &Default::default(),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("pytorch_lora_weights")
    );
}

/// Nothing but the LoRA's own factors is a parameter of it.
#[test]
fn gradients_reach_both_factors_of_every_map() {
    let _graph = testkit::lock_autodiff();
    type B = FlexBackend;
    let model = model::<B>();
    let device = Default::default();
    // The middle of larger latents has two pixels: among one, attention has no choice and its queries no gradient.
    let golden = golden("unet");
    let (latents, times, context) = inputs::<B>(&golden);
    let options = LoraLoadOptions::default();
    let (lora, _) =
        UnetLora::load(file("adapter.safetensors"), &model.unet, &options, &device).unwrap();
    let output = model.unet.forward(latents, &times, context, &lora).unwrap();
    let grads = (output.clone() * output).sum().backward();
    for map in &lora.maps {
        for factor in [&map.down, &map.up] {
            let values = of(factor, &grads);
            assert!(values.iter::<f32>().any(|v| v != 0.0), "{}", map.site);
        }
    }
}

testkit::backend_matrix!(files, objective, training);
