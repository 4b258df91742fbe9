"""torchgeo's ScaleMAE on a tiny random model, one ground resolution for all images and one for each, in the published container.

    python export_zoo_scale_mae.py     (writes zoo_scale_mae* beside itself)
"""

import os

import torch
from torchgeo.models.scale_mae import ScaleMAE, get_2d_sincos_pos_embed_with_resolution

from common import random, write
from zoo_common import fill, golden, of, sin_cos

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=2, heads=3, mlp_dim=48, positions="sin_cos_ground")
NAMES = ["patch_embed.proj.weight", "cls_token", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc1.weight", "norm.bias"]

model = ScaleMAE(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2, num_classes=0,
                 global_pool="").eval()
fill(model, 110)
# The published file holds MAE's table, which the model never reads, and a Laplacian decoder.
model.pos_embed.data.copy_(sin_cos(24, 4))
decoder = {"mask_token_decoder": random((1, 1, 8), 111), "decoder_pos_embed": random((1, 17, 8), 112),
           "decoder_embed.weight": random((8, 24), 113), "fpn.do_fpn1.0.weight": random((8, 8, 2, 2), 114)}
torch.save({"model": model.state_dict() | decoder, "epoch": 799}, "zoo_scale_mae_weights.pth")


class Each:
    """Runs every image with the resolution of its own; torchgeo's model has one for all."""

    def __init__(self, resolutions):
        self.resolutions = resolutions

    def embed(self, x):
        rows = []
        for row, resolution in zip(x.split(1), self.resolutions):
            model.res = resolution
            rows.append(ScaleMAE._pos_embed(model, row))
        return torch.cat(rows)


for name, resolutions in [("scale_mae", [0.3]), ("scale_mae_each", [1.0, 10.0])]:
    if len(resolutions) == 1:
        model.res = resolutions[0]
    else:
        model._pos_embed = Each(resolutions).embed
    golden(name, model, random((2, 3, 16, 16), 115), "zoo_scale_mae_weights.pth", CONFIG, of(model, *NAMES),
           resolutions=resolutions)

# Positions by themselves, on the grid of the published model and with large pixels: angles of hundreds of radians.
table = get_2d_sincos_pos_embed_with_resolution(128, 14, torch.tensor([30.0]))
write("zoo_ground_positions.safetensors", {"positions": table}, resolutions=[30.0])
