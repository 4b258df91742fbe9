"""Directories that transformers writes, for weights that goldens of this folder have in other names: the same weights, the same model.

Each timm or OpenCLIP file is written under the names that transformers' published directories have; transformers itself must read the directory
and compute the golden's output from the golden's image.

    python export_zoo_transformers.py     (writes zoo_*_hf beside itself, from the files of the other exporters)
"""

import argparse
import os

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import (CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model, ViTConfig, ViTMAEConfig, ViTMAEModel, ViTModel)

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

SIZE = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=16, patch_size=4)


def split(state, name, block, key):
    """Queries, keys and values of a fused map."""
    for part, tensor in zip(["query", "key", "value"], state[f"{block}attn.qkv.{key}"].chunk(3)):
        yield name.format(part), tensor


def vit(state, dinov2=False):
    out = {"embeddings.cls_token": state["cls_token"], "embeddings.position_embeddings": state["pos_embed"],
           "layernorm.weight": state["norm.weight"], "layernorm.bias": state["norm.bias"]}
    names = {"norm1": "layernorm_before", "norm2": "layernorm_after", "attn.proj": "attention.output.dense",
             "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense"}
    if dinov2:
        names |= {"norm1": "norm1", "norm2": "norm2", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    for key in ["weight", "bias"]:
        out[f"embeddings.patch_embeddings.projection.{key}"] = state[f"patch_embed.proj.{key}"]
        for i in range(2):
            ours, theirs = f"blocks.{i}.", f"encoder.layer.{i}."
            out |= dict(split(state, theirs + "attention.attention.{}." + key, ours, key))
            out |= {f"{theirs}{name}.{key}": state[f"{ours}{timm}.{key}"] for timm, name in names.items()}
    if dinov2:
        for i in range(2):
            for n in [1, 2]:
                out[f"encoder.layer.{i}.layer_scale{n}.lambda1"] = state[f"blocks.{i}.ls{n}.gamma"]
    return out


def clip(state):
    state = {name.removeprefix("visual."): tensor for name, tensor in state.items() if name.startswith("visual.")}
    out = {"embeddings.class_embedding": state["class_embedding"], "embeddings.patch_embedding.weight": state["conv1.weight"],
           "embeddings.position_embedding.weight": state["positional_embedding"]}
    for key in ["weight", "bias"]:
        out |= {f"pre_layrnorm.{key}": state[f"ln_pre.{key}"], f"post_layernorm.{key}": state[f"ln_post.{key}"]}
        for i in range(2):
            ours, theirs = f"transformer.resblocks.{i}.", f"encoder.layers.{i}."
            for part, tensor in zip("qkv", state[f"{ours}attn.in_proj_{key}"].chunk(3)):
                out[f"{theirs}self_attn.{part}_proj.{key}"] = tensor
            for open_name, name in {"attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2",
                                    "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}.items():
                out[f"{theirs}{name}.{key}"] = state[f"{ours}{open_name}.{key}"]
    return out


def golden(name):
    with safe_open(f"zoo_{name}_golden.safetensors", "pt") as file:
        return file.get_tensor("image"), file.get_tensor("final")


def save(name, folder, kind, config, state, final=lambda model, image: model(image).last_hidden_state, **options):
    """Writes the directory under the names of published ones; transformers must read it and compute the golden's output."""
    config.architectures = [kind.__name__]
    config.save_pretrained(folder)
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, f"{folder}/model.safetensors", metadata={"format": "pt"})
    model, found = kind.from_pretrained(folder, output_loading_info=True, **options)
    missing = [key for key in found["missing_keys"] if "mask_token" not in key]
    assert not missing and not found["unexpected_keys"], found
    image, expected = golden(name)
    with torch.no_grad():
        output = final(model.eval(), image)
    error = ((output - expected).abs().max() / expected.abs().max()).item()
    assert error < 1e-5, (folder, error)
    for file in os.listdir(folder):
        os.chmod(f"{folder}/{file}", 0o644)
    print(folder, error)


def shape(state, fc1="blocks.0.mlp.fc1.weight"):
    return state[fc1].shape[0]


# The published container holds the arguments of its training.
with torch.serialization.safe_globals([argparse.Namespace]):
    state = torch.load("zoo_mae_weights.pth")["model"]
plain = {name: tensor for name, tensor in state.items() if not name.startswith(("decoder", "mask"))}


def unmasked(model, image):
    model.config.mask_ratio = 0.0
    rows = torch.arange(16.0).expand(len(image), -1)  # no shuffling
    return model(image, noise=rows).last_hidden_state


save("mae", "zoo_mae_hf", ViTMAEModel, ViTMAEConfig(**SIZE, intermediate_size=shape(plain), layer_norm_eps=1e-6),
     vit(plain), unmasked)
state = torch.load("zoo_dino_weights.pth")
save("dino", "zoo_dino_hf", ViTModel, ViTConfig(**SIZE, intermediate_size=shape(state), layer_norm_eps=1e-6), vit(state),
     add_pooling_layer=False)
state = load_file("zoo_dinov2_weights.safetensors")
save("dinov2", "zoo_dinov2_hf", Dinov2Model, Dinov2Config(**SIZE, mlp_ratio=shape(state) // 24), vit(state, dinov2=True))
state = load_file("zoo_clip_weights.safetensors")
config = CLIPVisionConfig(**SIZE, intermediate_size=shape(state, "visual.transformer.resblocks.0.mlp.c_fc.weight"), hidden_act="gelu")


def normed(model, image):
    vision = getattr(model, "vision_model", model)
    return vision.post_layernorm(model(image).last_hidden_state)


save("clip", "zoo_clip_hf", CLIPVisionModel, config, clip(state), normed)
