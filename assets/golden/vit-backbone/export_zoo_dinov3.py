"""DINOv3 on tiny random models: rotary positions, registers, LayerScale, with the plain MLP and the gated one.

The models are transformers'. Their weights are written as transformers keeps them, a directory with `config.json`, and under the names of
DINOv3's own .pth files (`storage_tokens`, a fused map with a mask over the key part of its bias, `mlp.w1/w2/w3`, the periods of the
rotation, the second norm of the satellite weights), which timm's `checkpoint_filter_fn` reads: a timm model loaded from them must compute the same.

    python export_zoo_dinov3.py     (writes zoo_dinov3* beside itself)
"""

import os

import timm
import torch
from timm.models.eva import checkpoint_filter_fn
from transformers import DINOv3ViTConfig, DINOv3ViTModel

from common import random
from zoo_common import fill, golden

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

SIZE = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48, image_size=16, patch_size=4,
            num_register_tokens=4, attn_implementation="eager")
CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=2, heads=3, mlp_dim=48, layer_norm_eps=1e-5,
              register_tokens=4, positions="rotary", pos_on_prefix=False, layer_scale=1e-5)


def layers(model):
    return model.model.layer if hasattr(model, "model") else model.layer


def gradients(model):
    parts = lambda block, what: [getattr(getattr(layers(model)[block].attention, f"{p}_proj"), what).grad for p in "qkv"]
    taken = {
        "patch_embed.proj.weight": lambda: model.embeddings.patch_embeddings.weight.grad,
        "cls_token": lambda: model.embeddings.cls_token.grad,
        "reg_token": lambda: model.embeddings.register_tokens.grad,
        "blocks.0.attn.qkv.weight": lambda: torch.cat(parts(0, "weight")),
        "blocks.1.attn.qkv.weight": lambda: torch.cat(parts(1, "weight")),
        "blocks.0.ls1.gamma": lambda: layers(model)[0].layer_scale1.lambda1.grad,
        "blocks.1.mlp.fc2.weight": lambda: layers(model)[1].mlp.down_proj.weight.grad,
        "norm.weight": lambda: model.norm.weight.grad,
    }
    mlp = layers(model)[1].mlp
    if hasattr(mlp, "gate_proj"):
        taken["blocks.1.mlp.fc1.weight"] = lambda: torch.cat([mlp.gate_proj.weight.grad, mlp.up_proj.weight.grad])
    else:
        taken["blocks.1.mlp.fc1.weight"] = lambda: mlp.up_proj.weight.grad
    return taken


def own(model, seed):
    """The weights under the names of the published files. What the model masks or never reads is random."""
    names = {"cls_token": model.embeddings.cls_token, "storage_tokens": model.embeddings.register_tokens,
             "mask_token": model.embeddings.mask_token[0], "norm.weight": model.norm.weight, "norm.bias": model.norm.bias,
             "patch_embed.proj.weight": model.embeddings.patch_embeddings.weight,
             "patch_embed.proj.bias": model.embeddings.patch_embeddings.bias,
             "local_cls_norm.weight": random((24,), seed), "local_cls_norm.bias": random((24,), seed + 1)}
    for i, layer in enumerate(layers(model)):
        at, mlp, p = layer.attention, layer.mlp, f"blocks.{i}."
        names[p + "attn.qkv.weight"] = torch.cat([at.q_proj.weight, at.k_proj.weight, at.v_proj.weight])
        names[p + "attn.qkv.bias"] = torch.cat([at.q_proj.bias, random((24,), seed + 2 + i), at.v_proj.bias])
        names[p + "attn.qkv.bias_mask"] = torch.cat([torch.ones(24), torch.zeros(24), torch.ones(24)])
        parts = {"attn.proj": at.o_proj, "norm1": layer.norm1, "norm2": layer.norm2}
        if hasattr(mlp, "gate_proj"):
            parts |= {"mlp.w1": mlp.gate_proj, "mlp.w2": mlp.up_proj, "mlp.w3": mlp.down_proj}
        else:
            parts |= {"mlp.fc1": mlp.up_proj, "mlp.fc2": mlp.down_proj}
        for name, part in parts.items():
            names |= {p + name + ".weight": part.weight, p + name + ".bias": part.bias}
        names |= {p + "ls1.gamma": layer.layer_scale1.lambda1, p + "ls2.gamma": layer.layer_scale2.lambda1}
    return {name: tensor.detach().clone() for name, tensor in names.items()}


def same_in_timm(published, state, image, expected):
    model = timm.create_model(published, pretrained=False, img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2,
                              num_classes=0, global_pool="token", use_fc_norm=False, dynamic_img_size=True).eval()
    model.load_state_dict(checkpoint_filter_fn(dict(state), model), strict=True)
    difference = (model.forward_features(image) - expected).abs().max() / expected.abs().max()
    assert difference < 1e-5, difference


def run(model, image):
    return model(image).last_hidden_state


for name, published, gated, shape, config in [
    ("dinov3", "vit_base_patch16_dinov3_qkvb", False, (2, 3, 16, 16), {}),
    ("dinov3_gated", "vit_small_plus_patch16_dinov3_qkvb", True, (1, 3, 12, 24), dict(mlp_dim=96, activation="swiglu")),
]:
    model = DINOv3ViTModel(DINOv3ViTConfig(use_gated_mlp=gated, hidden_act="silu" if gated else "gelu", **SIZE)).eval()
    fill(model, 140)
    for number, layer in enumerate(layers(model)):
        layer.layer_scale1.lambda1.data.copy_(1.0 + 0.3 * random((24,), 150 + number))
    folder = f"zoo_{name}_hf"
    model.save_pretrained(folder)
    for file in os.listdir(folder):
        os.chmod(f"{folder}/{file}", 0o644)
    image = random(shape, 141)
    golden(name, model, image, f"{folder}/model.safetensors", CONFIG | config, gradients(model), run=run, embed=model.embeddings,
           blocks=layers(model))
    state = own(model, 142)
    same_in_timm(published, state, image, run(model, image))
    # Training kept the periods in bfloat16; where a file has them, they are the model's.
    periods = (1 / model.rope_embeddings.inv_freq).to(torch.bfloat16).float()
    model.rope_embeddings.inv_freq.copy_(1 / periods)
    torch.save(state | {"rope_embed.periods": periods}, f"zoo_{name}_own_weights.pth")
    golden(f"{name}_own", model, image, f"zoo_{name}_own_weights.pth", CONFIG | config, gradients(model), run=run,
           embed=model.embeddings, blocks=layers(model))
