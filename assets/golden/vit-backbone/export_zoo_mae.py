"""MAE's encoder in the container of its published files, at its own size and on a wider image, and Cross-Scale MAE's naming.

MAE's fine-tuning code is timm's VisionTransformer; its table is torchgeo's copy of the published function, and on another grid it is
interpolated when the weights are loaded (`interpolate_pos_embed`: bicubic, align_corners false), which is written out
below. SatMAE on RGB saves the same model in the same container. Cross-Scale MAE's pretraining keeps timm's blocks in `encoder`
and calls the rest `encoder_pos_embed` and `encoder_norm` (models_mae/MAE_ViT_Baseline.py).

    python export_zoo_mae.py     (writes zoo_mae* and zoo_cross_scale* beside itself)
"""

import argparse
import os

import torch
from timm.models.vision_transformer import VisionTransformer

from common import random
from zoo_common import fill, golden, of, sin_cos

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=2, heads=3, mlp_dim=48, positions="sin_cos_2d",
              interpolation="bicubic")
NAMES = ["patch_embed.proj.weight", "cls_token", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.weight", "norm.weight"]


def encoder(img_size):
    return VisionTransformer(img_size=img_size, patch_size=4, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2,
                             num_classes=0, global_pool="").eval()


model = encoder(16)
fill(model, 100)
table = sin_cos(24, 4)
model.pos_embed.data.copy_(table)
state = model.state_dict()
decoder = {"mask_token": random((1, 1, 8), 101), "decoder_pos_embed": random((1, 17, 8), 102),
           "decoder_embed.weight": random((8, 24), 103), "decoder_blocks.0.norm1.weight": random((8,), 104)}
torch.save({"model": state | decoder, "epoch": 799, "args": argparse.Namespace(norm_pix_loss=True)}, "zoo_mae_weights.pth")
cross = {}
for name, tensor in state.items():
    name = "encoder_pos_embed" if name == "pos_embed" else name.replace("blocks.", "encoder.")
    cross["encoder_" + name if name.startswith("norm.") else name] = tensor
projector = {"predictor.0.weight": random((4, 24), 105), "predictor.1.running_mean": random((4,), 106),
             "predictor.1.num_batches_tracked": torch.tensor(3), "decoder.0.norm1.weight": random((8,), 104)}
torch.save({"model": cross | decoder | projector, "epoch": 399}, "zoo_cross_scale_weights.pth")

golden("mae", model, random((2, 3, 16, 16), 107), "zoo_mae_weights.pth", CONFIG, of(model, *NAMES))

wide = encoder((12, 24))
patches = table[:, 1:].reshape(1, 4, 4, 24).permute(0, 3, 1, 2)
patches = torch.nn.functional.interpolate(patches, size=(3, 6), mode="bicubic", align_corners=False)
wide.load_state_dict(state | {"pos_embed": torch.cat([table[:, :1], patches.permute(0, 2, 3, 1).flatten(1, 2)], 1)})
golden("mae_wide", wide, random((1, 3, 12, 24), 108), "zoo_mae_weights.pth", CONFIG, of(wide, *NAMES))
