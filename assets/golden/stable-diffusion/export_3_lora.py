"""LoRA files of the tiny U-Net, saved by diffusers and peft in every naming that is published, and the outputs with them."""

import json

import torch
from common import ROOT, TINY, random, write
from diffusers import DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

LORA = ROOT / "lora"
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]


def load_unet():
    return UNet2DConditionModel.from_pretrained(TINY / "unet", variant="fp16", torch_dtype=torch.float32).eval()


def adapted(rank, alpha, targets, seed):
    """A U-Net with a LoRA whose every factor is random, and small: larger ones make gradients in single precision diverge from double."""
    unet = load_unet()
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(unet.named_parameters()):
            if "lora_" in name:
                parameter.copy_((torch.randn(parameter.shape, generator=generator) * 0.15).half().float())
    return unet


def inputs():
    return random([2, 4, 8, 8], 60), torch.tensor([1, 400]), random([2, 77, 12], 61)


def output_with(file):
    """The output of a fresh U-Net with the file loaded as any user of diffusers loads it."""
    pipeline = StableDiffusionPipeline(
        vae=None,
        text_encoder=None,
        tokenizer=None,
        unet=load_unet(),
        scheduler=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    state = load_file(file)
    with safe_open(file, "pt") as handle:
        metadata = handle.metadata() or {}
    if any(key.startswith("unet.") or key.startswith("lora_unet_") for key in state):
        pipeline.load_lora_weights(str(LORA), weight_name=file.name)
    else:
        description = json.loads(metadata.get("lora_adapter_metadata", "null"))
        pipeline.unet.load_lora_adapter(state, prefix=None, metadata=description)
    latents, times, context = inputs()
    with torch.no_grad():
        return pipeline.unet(latents, times, encoder_hidden_states=context).sample


def main():
    LORA.mkdir(exist_ok=True)
    expected = {}

    # Names of 2023 to today: `unet.PATH.lora.down.weight`; alpha is the rank.
    unet = adapted(2, 2, ATTENTION, 70)
    state = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    StableDiffusionPipeline.save_lora_weights(LORA, unet_lora_layers=state, weight_name="layers.safetensors")
    # The same under the names of the attention processors of early 2023; without the prefix, as the files of that time, for the project.
    layers = load_file(LORA / "layers.safetensors")
    processors = {}
    for key, value in layers.items():
        for name in ATTENTION:
            if f".{name}.lora." in key:
                key = key.replace(f".{name}.lora.", f".processor.{name.removesuffix('.0')}_lora.")
        processors[key] = value
    save_file(processors, LORA / "processors.safetensors", metadata={"format": "pt"})
    expected["processors"] = output_with(LORA / "processors.safetensors")
    (LORA / "processors.safetensors").unlink()
    torch.save({key.removeprefix("unet."): value for key, value in processors.items()}, LORA / "processors.bin")

    # Names of peft with alpha in the metadata: `save_lora_adapter` writes no prefix, the pipeline writes one.
    unet = adapted(2, 3, ATTENTION + ["ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"], 71)
    unet.save_lora_adapter(LORA, weight_name="adapter.safetensors")
    unet = adapted(2, 3, ["to_v"], 73)
    state = get_peft_model_state_dict(unet)
    description = unet.peft_config["default"].to_dict()
    StableDiffusionPipeline.save_lora_weights(
        LORA, unet_lora_layers=state, weight_name="pipeline.safetensors", unet_lora_adapter_metadata=description
    )

    # The names of kohya's scripts, with an alpha beside each pair.
    unet = adapted(2, 2, ATTENTION, 72)
    kohya = {}
    for key, value in get_peft_model_state_dict(unet).items():
        path, kind = key.split(".lora_")
        stem = "lora_unet_" + path.replace(".", "_")
        kohya[f"{stem}.lora_{'down' if kind.startswith('A') else 'up'}.weight"] = value.clone()
        kohya[f"{stem}.alpha"] = torch.tensor(1.0)
    save_file(kohya, LORA / "kohya.safetensors", metadata={"format": "pt"})

    for file in ["layers", "adapter", "pipeline", "kohya"]:
        expected[file] = output_with(LORA / f"{file}.safetensors")
    assert torch.equal(expected["layers"], expected["processors"])
    latents, times, context = inputs()
    with torch.no_grad():
        expected["frozen"] = load_unet()(latents, times, encoder_hidden_states=context).sample
    assert all(not torch.allclose(value, expected["frozen"], rtol=1e-3) for name, value in expected.items() if name != "frozen")

    # The denoising objective of a LoRA, and its gradients, in double precision: they are a thousandth of the weights.
    unet = adapted(2, 2, ATTENTION, 70).double()
    noise = random(latents.shape, 62)
    schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
    noised = schedule.add_noise(latents.double(), noise.double(), times)
    predicted = unet(noised, times, encoder_hidden_states=context.double()).sample
    loss = torch.nn.functional.mse_loss(predicted, noise.double())
    loss.backward()
    parameters = dict(unet.named_parameters())
    assert all((parameter.grad is not None) == ("lora_" in name) for name, parameter in parameters.items())
    for site in [
        "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_v",
        "up_blocks.2.attentions.1.transformer_blocks.0.attn2.to_v",
        "up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_q",
        "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0",
    ]:
        for factor in ["lora_A", "lora_B"]:
            expected[f"grad.{site}.{factor}"] = parameters[f"{site}.{factor}.default.weight"].grad.float()
    expected |= {"loss": loss[None].float(), "latents": latents, "times": times, "context": context, "noise": noise}
    write(ROOT / "lora_golden.safetensors", expected)


main()
