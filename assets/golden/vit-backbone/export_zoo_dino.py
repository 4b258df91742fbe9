"""DINO's ViT, whose code is in a repository only: timm's VisionTransformer with the position interpolation of DINO.

The formulation is ours, from the published `vision_transformer.py` (`interpolate_pos_encoding`): unless the grid is the trained
one, patch positions are interpolated by the factors (rows + 0.1) / side and (columns + 0.1) / side with PyTorch's bicubic mode. The
files are the two that exist: the plain backbone, and a whole training state (DINO-MC) whose teacher stands under
`module.backbone.`.

    python export_zoo_dino.py     (writes zoo_dino* beside itself)
"""

import argparse
import os

import torch
from timm.models.vision_transformer import VisionTransformer

from common import random
from zoo_common import fill, golden, of

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=2, heads=3, mlp_dim=48, positions="learned",
              interpolation="bicubic_offset")
NAMES = ["patch_embed.proj.weight", "cls_token", "pos_embed", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.bias",
         "norm.weight"]


class Dino(VisionTransformer):
    def _pos_embed(self, x):
        batch, rows, columns, dim = x.shape
        side = self.patch_embed.grid_size[0]
        positions = self.pos_embed[:, 1:]
        if (rows, columns) != (side, side):
            grid = positions.reshape(1, side, side, dim).permute(0, 3, 1, 2)
            factors = ((rows + 0.1) / side, (columns + 0.1) / side)
            grid = torch.nn.functional.interpolate(grid, scale_factor=factors, mode="bicubic")
            assert grid.shape[2:] == (rows, columns)
            positions = grid.permute(0, 2, 3, 1).reshape(1, -1, dim)
        tokens = x.reshape(batch, -1, dim) + positions
        return torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1), tokens], dim=1)


model = Dino(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2, num_classes=0, global_pool="",
             dynamic_img_size=True).eval()
fill(model, 120)
state = model.state_dict()
torch.save(state, "zoo_dino_weights.pth")
head = {"module.head.mlp.0.weight": random((4, 24), 121), "module.head.last_layer.weight_g": random((5, 1), 122)}


def network(scale):
    return {f"module.backbone.{name}": tensor * scale for name, tensor in state.items()} | head


optimizer = torch.optim.AdamW(model.parameters())
torch.save({"student": network(2.0), "teacher": network(1.0), "optimizer": optimizer.state_dict(), "epoch": 300,
            "args": argparse.Namespace(arch="vit_small", patch_size=8), "dino_loss": {"center": random((1, 5), 123)}},
           "zoo_dino_mc_weights.pth")
golden("dino", model, random((2, 3, 16, 16), 124), "zoo_dino_weights.pth", CONFIG, of(model, *NAMES))
golden("dino_wide", model, random((1, 3, 12, 28), 125), "zoo_dino_weights.pth", CONFIG, of(model, *NAMES))
golden("dino_mc_larger", model, random((1, 3, 20, 20), 126), "zoo_dino_mc_weights.pth", CONFIG, of(model, *NAMES))
