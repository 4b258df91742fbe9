"""transformers' ViTMAEForPreTraining on a tiny random model with fixed noise: loss, prediction, gradients.

Weights are written under the names of the published MAE checkpoints (facebookresearch/mae), q, k and v fused.

    python export_mae.py     (writes *.safetensors beside itself; versions in requirements.txt one folder up)
"""

import os
import re

import torch
from transformers import ViTMAEConfig, ViTMAEForPreTraining
from transformers.models.vit_mae.modeling_vit_mae import build_2d_sinusoidal_position_embedding

from common import fill, random, write

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

RENAME = [
    (r"^vit\.embeddings\.cls_token", "cls_token"),
    (r"^vit\.embeddings\.position_embeddings", "pos_embed"),
    (r"^vit\.embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"^vit\.layers", "blocks"),
    (r"^vit\.layernorm", "norm"),
    (r"^decoder\.decoder_layers", "decoder_blocks"),
    (r"^decoder\.", ""),
    (r"attention\.o_proj", "attn.proj"),
    (r"attention\.", "attn."),
    (r"layernorm_before", "norm1"),
    (r"layernorm_after", "norm2"),
]


def rename(name):
    for pattern, replacement in RENAME:
        name = re.sub(pattern, replacement, name)
    return name


def published(tensors):
    """MAE's names, with the three projections fused in the order q, k, v."""
    tensors = {rename(name): tensor for name, tensor in tensors.items()}
    fused = {}
    for name, tensor in tensors.items():
        if ".q_proj." in name:
            parts = [tensors[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            fused[name.replace(".q_proj.", ".qkv.")] = torch.cat(parts)
        elif ".k_proj." not in name and ".v_proj." not in name:
            fused[name] = tensor
    return fused


def positions(dim):
    """The published table: transformers' function, its row and column halves exchanged as its own initialisation does.

    Set here because transformers 5.23 leaves both tables at zero in a model made from a configuration.
    """
    table = build_2d_sinusoidal_position_embedding(height=4, width=4, embed_dim=dim, cls_token=True)
    return torch.cat([table[:, dim // 2:], table[:, :dim // 2]], 1)[None]


def export(name, seed, norm_pix_loss):
    config = ViTMAEConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=16, patch_size=4,
        decoder_hidden_size=12, decoder_num_hidden_layers=2, decoder_num_attention_heads=3, decoder_intermediate_size=24,
        norm_pix_loss=norm_pix_loss, layer_norm_eps=1e-6, mask_ratio=0.75, attn_implementation="eager")
    model = ViTMAEForPreTraining(config).eval()
    fill(model, seed)
    with torch.no_grad():
        model.vit.embeddings.position_embeddings.copy_(positions(16))
        model.decoder.decoder_pos_embed.copy_(positions(12))
    image = random((3, 3, 16, 16), seed + 1).requires_grad_()
    noise = torch.rand((3, 16), generator=torch.Generator().manual_seed(seed + 2))
    output = model(image, noise=noise)
    output.loss.backward()
    gradients = published({key: p.grad for key, p in model.named_parameters() if p.grad is not None})
    chosen = ["patch_embed.proj.weight", "cls_token", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.weight", "norm.bias",
              "mask_token", "decoder_embed.weight", "decoder_blocks.1.attn.qkv.bias", "decoder_norm.weight",
              "decoder_pred.weight"]
    tensors = {"image": image, "noise": noise, "loss": output.loss.reshape(1), "prediction": output.logits,
               "mask": output.mask, "grad.image": image.grad}
    tensors |= {f"grad.{key}": gradients[key] for key in chosen}
    encoder = dict(image_size=16, patch_size=4, in_channels=3, dim=16, depth=2, heads=2, mlp_dim=32,
                   positions="sin_cos_2d")
    mae = dict(encoder=encoder, decoder_dim=12, decoder_depth=2, decoder_heads=3, decoder_mlp_dim=24, mask_ratio=0.75,
               normalise_pixels=norm_pix_loss)
    write(f"{name}_golden.safetensors", tensors, config=mae)
    write(f"{name}_weights.safetensors", published(model.state_dict()))


export("mae", 40, True)
export("mae_raw_pixels", 50, False)
