"""Numbers of parameters of the published models at full size, counted on PyTorch's meta device: nothing is allocated.

Where the published code is in a repository only, the model is the transformers or torchgeo class of the same shape, or the
formulation of the exporter beside this one. Classifiers are left out; `trainable` leaves out what the code freezes.

    python export_zoo_counts.py     (writes zoo_counts.json beside itself)
"""

import json
import os

import open_clip
import timm
import torch
from open_clip.transformer import QuickGELU, VisionTransformer as ClipTower
from torchgeo.models.dofa import dofa_base_patch16_224, dofa_large_patch16_224
from torchgeo.models.scale_mae import scalemae_large_patch16
from transformers import DINOv3ViTConfig, DINOv3ViTModel, ViTMAEConfig, ViTMAEModel

from common import VERSIONS
from export_zoo_clay import published as clay_code
from export_zoo_prithvi import published as prithvi_code
from export_zoo_satmae import GroupViT

os.chdir(os.path.dirname(os.path.abspath(__file__)))
VERSIONS["open_clip"] = open_clip.__version__
SIZES = {"small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16), "huge": (1280, 32, 16)}
SENTINEL = ((0, 1, 2, 6), (3, 4, 5, 7), (8, 9))


def mae(size, image_size=224, patch_size=16):
    dim, depth, heads = SIZES[size]
    config = ViTMAEConfig(hidden_size=dim, num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=4 * dim,
                          image_size=image_size, patch_size=patch_size)
    # Its initialiser computes the sin-cos table, which has no values on the meta device.
    ViTMAEModel._init_weights = lambda self, module: None
    return ViTMAEModel(config)


def groups(size):
    dim, depth, heads = SIZES[size]
    return GroupViT(SENTINEL, 256, 96, 8, dim, device="meta", depth=depth, num_heads=heads, num_classes=0)


def scale_mae():
    model = scalemae_large_patch16(num_classes=0, final_norm=False)
    del model.pos_embed  # held, never read
    return model


def clip(width, layers, heads, patch_size, output, image_size=224, act=torch.nn.GELU):
    return ClipTower(image_size, patch_size, width, layers, heads, 4.0, output_dim=output, act_layer=act)


def dinov3(dim, depth, heads, inner, gated=False, bias=True):
    """The published files hold a fused bias, with a mask over the part of the keys, and the periods of the rotation."""
    config = DINOv3ViTConfig(hidden_size=dim, num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=inner,
                             num_register_tokens=4, use_gated_mlp=gated, query_bias=bias, key_bias=bias, value_bias=bias)
    model = DINOv3ViTModel(config)
    del model.embeddings.mask_token  # of pretraining
    model.periods = torch.nn.Parameter(torch.empty(dim // heads // 4), requires_grad=False)
    return model


def prithvi(dim, depth, heads, frames, patch_size=16, **options):
    model = prithvi_code().PrithviViT(num_frames=frames, patch_size=(1, patch_size, patch_size), in_chans=6, embed_dim=dim, depth=depth,
                                      num_heads=heads, **options)
    model.table = torch.nn.Parameter(torch.empty_like(model.pos_embed), requires_grad=False)
    return model


LOCATED = dict(coords_encoding=["time", "location"], coords_scale_learn=True)


def dofa(build):
    model = build(num_classes=0)
    del model.fc_norm  # of the task
    return model


def clay():
    return clay_code()[0].Encoder(mask_ratio=0, patch_size=8, shuffle=False, dim=1024, depth=24, heads=16, dim_head=64, mlp_ratio=4)


def published(name, **options):
    return lambda: timm.create_model(name, pretrained=False, num_classes=0, **options)


MODELS = {
    "mae_vit_base": lambda: mae("base"),
    "mae_vit_large": lambda: mae("large"),
    "mae_vit_huge": lambda: mae("huge", patch_size=14),
    "satmae_rgb_vit_large": lambda: mae("large"),
    "cross_scale_mae_vit_base": lambda: mae("base", image_size=128),
    "cross_scale_mae_vit_large": lambda: mae("large", image_size=128),
    "satmae_group_vit_base": lambda: groups("base"),
    "satmae_group_vit_large": lambda: groups("large"),
    "scale_mae_vit_large": scale_mae,
    "dino_vit_small_16": published("vit_small_patch16_224.dino"),
    "dino_vit_small_8": published("vit_small_patch8_224.dino"),
    "dino_vit_base_16": published("vit_base_patch16_224.dino"),
    "dino_vit_base_8": published("vit_base_patch8_224.dino"),
    "dino_mc_vit_small_8": published("vit_small_patch8_224.dino"),
    "clip_vit_base_32_openai": lambda: clip(768, 12, 12, 32, 512, act=QuickGELU),
    "clip_vit_base_16_openai": lambda: clip(768, 12, 12, 16, 512, act=QuickGELU),
    "clip_vit_large_14_openai": lambda: clip(1024, 24, 16, 14, 768, act=QuickGELU),
    "clip_vit_large_14_336_openai": lambda: clip(1024, 24, 16, 14, 768, 336, act=QuickGELU),
    "clip_vit_large_14_laion2b": lambda: clip(1024, 24, 16, 14, 768),
    "clip_vit_huge_14_laion2b": lambda: clip(1280, 32, 16, 14, 1024),
    "dinov3_vit_small": lambda: dinov3(384, 12, 6, 1536),
    "dinov3_vit_small_plus": lambda: dinov3(384, 12, 6, 1536, gated=True),
    "dinov3_vit_base": lambda: dinov3(768, 12, 12, 3072),
    "dinov3_vit_large": lambda: dinov3(1024, 24, 16, 4096),
    "dinov3_vit_huge_plus": lambda: dinov3(1280, 32, 20, 5120, gated=True),
    "dinov3_vit_7b": lambda: dinov3(4096, 40, 32, 8192, gated=True, bias=False),
    "dinov3_sat_vit_large": lambda: dinov3(1024, 24, 16, 4096),
    "dinov3_sat_vit_7b": lambda: dinov3(4096, 40, 32, 8192, gated=True, bias=False),
    "prithvi_eo_v1_100m": lambda: prithvi(768, 12, 12, 3),
    "prithvi_eo_v2_tiny_tl": lambda: prithvi(192, 12, 3, 1, **LOCATED),
    "prithvi_eo_v2_100m_tl": lambda: prithvi(768, 12, 12, 4, **LOCATED),
    "prithvi_eo_v2_300m": lambda: prithvi(1024, 24, 16, 4),
    "prithvi_eo_v2_300m_tl": lambda: prithvi(1024, 24, 16, 4, **LOCATED),
    "prithvi_eo_v2_600m": lambda: prithvi(1280, 32, 16, 4, 14),
    "prithvi_eo_v2_600m_tl": lambda: prithvi(1280, 32, 16, 4, 14, **LOCATED),
    "dofa_vit_base": lambda: dofa(dofa_base_patch16_224),
    "dofa_vit_large": lambda: dofa(dofa_large_patch16_224),
    "clay_v1_5_vit_large": clay,
    "augreg_vit_small_16": published("vit_small_patch16_224.augreg_in21k"),
    "augreg_vit_base_16": published("vit_base_patch16_224.augreg_in21k"),
    "augreg_vit_base_8": published("vit_base_patch8_224.augreg_in21k"),
    "augreg_vit_large_16": published("vit_large_patch16_224.augreg_in21k"),
} | {
    f"dinov2_{reg}vit_{size}": published(f"vit_{size}_patch14_{reg}dinov2.lvd142m")
    for reg in ["", "reg4_"] for size in ["small", "base", "large", "giant"]
}

counts = {}
for name, build in MODELS.items():
    with torch.device("meta"):
        if name.startswith("satmae_group"):
            # Its tables are computed, so they are made on the host and moved.
            with torch.device("cpu"):
                model = build()
        else:
            model = build()
    parameters = list(model.parameters())
    assert all(p.is_meta for p in parameters), name
    counts[name] = {"trainable": sum(p.numel() for p in parameters if p.requires_grad),
                    "total": sum(p.numel() for p in parameters),
                    "counted": f"{type(model).__module__.split('.')[0].replace('export_zoo_satmae', 'own formulation on timm')} "
                               f"{type(model).__name__}"}
with open("zoo_counts.json", "w") as file:
    json.dump({"versions": VERSIONS, "models": counts}, file, indent=1)
    file.write("\n")
print(json.dumps(counts, indent=1))
