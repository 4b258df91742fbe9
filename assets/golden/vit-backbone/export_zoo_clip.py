"""open_clip's CLIP at tiny size, exact GELU and QuickGELU: the image tower inside the state dictionary of the whole model.

    python export_zoo_clip.py     (writes zoo_clip* beside itself)
"""

import os

import open_clip
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

from common import VERSIONS, random
from zoo_common import fill, golden

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)
VERSIONS["open_clip"] = open_clip.__version__

CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=2, heads=3, mlp_dim=96, layer_norm_eps=1e-5,
              positions="learned", patch_bias=False, pre_norm=True, projection=16)
VISION = dict(image_size=16, patch_size=4, width=24, layers=2, head_width=8, mlp_ratio=4.0)
TEXT = dict(context_length=4, vocab_size=8, width=8, heads=2, layers=1)


def final_tokens(model, image):
    tower = model.visual
    return tower.ln_post(tower.transformer(tower._embeds(image)))


for name, quick in [("clip", False), ("clip_quick", True)]:
    model = CLIP(embed_dim=16, vision_cfg=VISION, text_cfg=TEXT, quick_gelu=quick).eval()
    fill(model, 150)
    tower = model.visual
    image = random((2, 3, 16, 16), 151)
    # The steps taken apart below are those of the model.
    assert torch.allclose(final_tokens(model, image)[:, 0] @ tower.proj, model.encode_image(image), atol=1e-6)
    blocks = tower.transformer.resblocks
    weights = f"zoo_{name}_weights." + ("pth" if quick else "safetensors")
    if quick:
        torch.save(model.state_dict(), weights)
    else:
        save_file(model.state_dict(), weights)
    gradients = {
        "patch_embed.proj.weight": lambda: tower.conv1.weight.grad,
        "cls_token": lambda: tower.class_embedding.grad.reshape(1, 1, -1),
        "pos_embed": lambda: tower.positional_embedding.grad[None],
        "norm_pre.weight": lambda: tower.ln_pre.weight.grad,
        "blocks.0.attn.qkv.weight": lambda: blocks[0].attn.in_proj_weight.grad,
        "blocks.1.attn.proj.weight": lambda: blocks[1].attn.out_proj.weight.grad,
        "blocks.1.mlp.fc1.weight": lambda: blocks[1].mlp.c_fc.weight.grad,
        "norm.weight": lambda: tower.ln_post.weight.grad,
        "head.weight": lambda: tower.proj.grad.t(),
    }
    golden(name, model, image, weights, CONFIG | (dict(activation="quick_gelu") if quick else {}), gradients,
           run=lambda m, i: final_tokens(m, i), embed=tower.ln_pre, blocks=blocks,
           feature=lambda final: final[:, 0] @ tower.proj)
