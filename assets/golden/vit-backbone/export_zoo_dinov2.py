"""timm's DINOv2 models at tiny size: LayerScale, registers without positions, and the giant's packed SwiGLU.

The last file has the names of DINOv2's own: `register_tokens`, `mlp.w12` and `mlp.w3`, a mask token, and a position of the class token;
timm's `checkpoint_filter_fn` says what they mean.

    python export_zoo_dinov2.py     (writes zoo_dinov2* beside itself)
"""

import os

import timm
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import checkpoint_filter_fn

from common import random
from zoo_common import fill, golden, of

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

SIZE = dict(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=0, global_pool="", dynamic_img_size=True)
CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=2, heads=3, mlp_dim=96, positions="learned",
              layer_scale=1e-5)
NAMES = ["patch_embed.proj.weight", "cls_token", "pos_embed", "blocks.0.attn.qkv.weight", "blocks.0.ls1.gamma",
         "blocks.1.ls2.gamma", "blocks.1.mlp.fc1.weight", "blocks.1.mlp.fc2.weight", "norm.weight"]

for name, published, image, config, extra, options in [
    ("dinov2", "vit_small_patch14_dinov2", (2, 3, 16, 16), {}, [], {}),
    ("dinov2_reg4", "vit_small_patch14_reg4_dinov2", (1, 3, 12, 24), dict(register_tokens=4, pos_on_prefix=False),
     ["reg_token"], {}),
    # The giant's own ratio, 2 * 4096 / 1536, gives 128 hidden numbers for 24.
    ("dinov2_giant", "vit_giant_patch14_dinov2", (2, 3, 16, 16), dict(mlp_dim=128, activation="swiglu"), [], {}),
]:
    model = timm.create_model(published, pretrained=False, **SIZE, **options).eval()
    fill(model, 130)
    save_file(model.state_dict(), f"zoo_{name}_weights.safetensors")
    golden(name, model, random(image, 131), f"zoo_{name}_weights.safetensors", CONFIG | config,
           of(model, *NAMES, *extra))

model = timm.create_model("vit_giant_patch14_reg4_dinov2", pretrained=False, **SIZE).eval()
fill(model, 132)
own = {}
for name, tensor in model.state_dict().items():
    own[name.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3").replace("reg_token", "register_tokens")] = tensor
own |= {"pos_embed": random((1, 17, 24), 133), "mask_token": random((1, 24), 134)}
torch.save(own, "zoo_dinov2_own_weights.pth")
model.load_state_dict(checkpoint_filter_fn(dict(own), model))
golden("dinov2_own", model, random((2, 3, 16, 16), 135), "zoo_dinov2_own_weights.pth",
       CONFIG | dict(mlp_dim=128, activation="swiglu", register_tokens=4, pos_on_prefix=False), of(model, *NAMES, "reg_token"))
