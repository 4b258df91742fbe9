"""Goldens of the tiny model, computed by diffusers and transformers: every stage, gradients, tokens, schedule, features."""

import json

import torch
from common import ROOT, TINY, VERSIONS, random, write
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer


def load_unet():
    return UNet2DConditionModel.from_pretrained(TINY / "unet", variant="fp16", torch_dtype=torch.float32).eval()


def record(tensors, name):
    def hook(_module, _inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        tensors[name] = output

    return hook


def of_unet():
    """Two images of 16 x 8 latents at different time steps."""
    unet, tensors = load_unet(), {}
    unet.time_embedding.register_forward_hook(record(tensors, "time_embedding"))
    unet.conv_in.register_forward_hook(record(tensors, "conv_in"))
    for number, block in enumerate(unet.down_blocks):
        block.register_forward_hook(record(tensors, f"down_blocks.{number}"))
    unet.mid_block.register_forward_hook(record(tensors, "mid_block"))
    for number, block in enumerate(unet.up_blocks):
        block.register_forward_hook(record(tensors, f"up_blocks.{number}"))
    latents = random([2, 4, 16, 8], 10).requires_grad_()
    context = random([2, 77, 12], 11).requires_grad_()
    times = torch.tensor([1, 701])
    output = unet(latents, times, encoder_hidden_states=context).sample
    probe = random(output.shape, 12)
    loss = (output * output * probe).sum()
    loss.backward()
    parameters = dict(unet.named_parameters())
    gradients = [
        "conv_in.weight",
        "time_embedding.linear_1.weight",
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
        "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight",
        "up_blocks.1.resnets.2.norm1.weight",
        "up_blocks.2.upsamplers.0.conv.weight",
    ]
    tensors |= {"latents": latents, "context": context, "times": times, "output": output, "probe": probe, "loss": loss[None]}
    tensors |= {"grad.latents": latents.grad, "grad.context": context.grad}
    tensors |= {f"grad.{name}": parameters[name].grad for name in gradients}
    write(ROOT / "unet_golden.safetensors", tensors)


def of_vae():
    vae, tensors = AutoencoderKL.from_pretrained(TINY / "vae", use_safetensors=False).eval(), {}
    for side, blocks in {"encoder": "down_blocks", "decoder": "up_blocks"}.items():
        network = getattr(vae, side)
        parts = {"conv_in": network.conv_in, "mid_block": network.mid_block}
        parts |= {f"{blocks}.{number}": block for number, block in enumerate(getattr(network, blocks))}
        for name, module in parts.items():
            module.register_forward_hook(record(tensors, f"{side}.{name}"))
    image = random([1, 3, 32, 48], 20).requires_grad_()
    posterior = vae.encode(image).latent_dist
    noise = random(posterior.mean.shape, 21)
    sample = (posterior.mean + posterior.std * noise) * vae.config.scaling_factor
    probe = random(sample.shape, 22)
    loss = (sample * sample * probe).sum()
    loss.backward()
    with torch.no_grad():
        tensors["decoded"] = vae.decode(posterior.mean).sample
    parameters = dict(vae.named_parameters())
    gradients = ["encoder.down_blocks.0.downsamplers.0.conv.weight", "encoder.mid_block.attentions.0.to_q.weight", "quant_conv.weight"]
    tensors |= {"image": image, "mean": posterior.mean, "logvar": posterior.logvar, "noise": noise, "sample": sample}
    tensors |= {"probe": probe, "loss": loss[None], "grad.image": image.grad}
    tensors |= {f"grad.{name}": parameters[name].grad for name in gradients}
    write(ROOT / "vae_golden.safetensors", tensors)


def prompts():
    return [
        "",
        " ",
        "a photo of a harbor",
        "an ORS image of small-vehicle",
        "A  SATELLITE\timage\nof   a Bridge.",
        "it's they're we've i'm you'll he'd don't 'S 'x",
        "2024 ships, 12.5m² ½ ٣ ⅷ",
        "über großen Fluß — UNE FORÊT",
        "u\u0308ber fore\u0302t e\u0301\u0327",
        "İstanbul ΑΣ ǅ ﬁn Å K",
        "衛星画像 спутник صورة 🛰️👨‍👩‍👧",
        "zero\u200bwidth\u200djoin\u00a0nbsp\u3000wide\ufeffbom",
        "tab\x0bvertical\x0cform\x1cfs\x85nel",
        "a\x00nul\x7f del",
        "<|startoftext|> nested <|endoftext|> tokens",
        "<|ENDOFTEXT|> <|endoftext|ships",
        "&amp; &lt;html&gt; <br/> http://x.y/?a=b&c=d",
        "...!!!???---___###@@@$$$%%%^^^",
        "under_score camelCase x1y2z3",
        "पानी का जहाज ไทย 한국어",
        "</w> a</w>b ĠĠ Ċ",
        " leading and trailing ",
        "ships " * 74,
        "ships " * 75,
        "ships " * 76,
        "ships 🛰️ " * 60,
        "x" * 400,
    ]


def of_tokenizer():
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    rows = []
    for prompt in prompts():
        ids = tokenizer(prompt, padding="max_length", max_length=77, truncation=True).input_ids
        rows.append({"prompt": prompt, "ids": ids, "whole": len(tokenizer(prompt).input_ids)})
    text = json.dumps({"versions": VERSIONS, "rows": rows})
    (ROOT / "tokens.json").write_text(text)
    print(ROOT / "tokens.json")


def of_text():
    text = CLIPTextModel.from_pretrained(TINY / "text_encoder").eval()
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    ids = tokenizer(["", "an ORS image of a harbor"], padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    result = text(ids, output_hidden_states=True)
    output = result.last_hidden_state
    probe = random(output.shape, 31)
    loss = (output * output * probe).sum()
    loss.backward()
    parameters = dict(text.named_parameters())
    tensors = {"ids": ids, "output": output, "probe": probe, "loss": loss[None]}
    tensors |= {f"hidden.{number}": hidden for number, hidden in enumerate(result.hidden_states[: 1 + len(text.encoder.layers)])}
    for name in [
        "embeddings.token_embedding.weight",
        "embeddings.position_embedding.weight",
        "encoder.layers.0.self_attn.q_proj.weight",
        "encoder.layers.1.mlp.fc1.weight",
        "encoder.layers.1.self_attn.out_proj.bias",
        "final_layer_norm.weight",
    ]:
        tensors[f"grad.{name}"] = parameters[name].grad
    write(ROOT / "text_golden.safetensors", tensors)


def of_schedule():
    """Cumulative products, noised latents, and the objective's target for both kinds of prediction."""
    tensors = {}
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
    latents, noise = random([5, 4, 2, 2], 40), random([5, 4, 2, 2], 41)
    times = torch.tensor([0, 1, 261, 700, 999])
    for kind in ["scaled_linear", "linear"]:
        schedule = DDPMScheduler(beta_schedule=kind, **settings)
        tensors[f"{kind}.alphas_cumprod"] = schedule.alphas_cumprod
        tensors[f"{kind}.noised"] = schedule.add_noise(latents, noise, times)
        tensors[f"{kind}.velocity"] = schedule.get_velocity(latents, noise, times)
    write(ROOT / "schedule_golden.safetensors", tensors | {"latents": latents, "noise": noise, "times": times})


def of_features():
    """Features as DIFT (Tang et al. 2023) and the debLoRA code take them: an ensemble of noised latents, the mean over it."""
    unet, tensors = load_unet(), {}
    vae = AutoencoderKL.from_pretrained(TINY / "vae", use_safetensors=False).eval()
    text = CLIPTextModel.from_pretrained(TINY / "text_encoder").eval()
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    schedule = DDIMScheduler.from_pretrained(TINY / "scheduler")
    stages = {"mid_block": unet.mid_block, "down_blocks.2": unet.down_blocks[2], "up_blocks.1": unet.up_blocks[1]}
    ensemble = 3
    image = random([1, 3, 64, 128], 50).half().float().clamp(-1, 1)
    own, noise = random([ensemble, 4, 8, 16], 51), random([ensemble, 4, 8, 16], 52)
    prompt, time = "an ORS image of a harbor", 1
    ids = tokenizer(prompt, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    kept = {}
    for name, module in stages.items():
        module.register_forward_hook(record(kept, name))
    with torch.no_grad():
        context = text(ids).last_hidden_state.repeat(ensemble, 1, 1)
        posterior = vae.encode(image.repeat(ensemble, 1, 1, 1)).latent_dist
        for how, latents in {"sample": posterior.mean + posterior.std * own, "mode": posterior.mode()}.items():
            noised = schedule.add_noise(latents * vae.config.scaling_factor, noise, torch.tensor(time))
            unet(noised, time, encoder_hidden_states=context)
            tensors |= {f"{how}.{name}": value.mean(0, keepdim=True) for name, value in kept.items()}
    tensors |= {"image": image, "own": own, "noise": noise}
    write(ROOT / "features_golden.safetensors", tensors, prompt=prompt, time=time)


of_unet()
of_vae()
of_tokenizer()
of_text()
of_schedule()
of_features()
