"""timm's supervised vit_small_patch16_224 at tiny size, with its classifier in the file.

    python export_zoo_supervised.py     (writes zoo_supervised* beside itself)
"""

import os

import timm
import torch
from safetensors.torch import save_file

from common import random
from zoo_common import fill, golden, of

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=2, heads=3, mlp_dim=96, positions="learned")
NAMES = ["patch_embed.proj.weight", "cls_token", "pos_embed", "blocks.0.attn.proj.weight", "blocks.1.norm2.bias",
         "norm.weight"]

model = timm.create_model("vit_small_patch16_224", pretrained=False, img_size=16, patch_size=4, embed_dim=24, depth=2,
                          num_heads=3, num_classes=5, dynamic_img_size=True).eval()
fill(model, 140)
save_file(model.state_dict(), "zoo_supervised_weights.safetensors")
golden("supervised", model, random((1, 3, 20, 12), 141), "zoo_supervised_weights.safetensors", CONFIG, of(model, *NAMES))
