"""timm's VisionTransformer on tiny random models: embedding, every block, output, gradients; positions on other grids.

    python export_vit.py     (writes *.safetensors beside itself; versions in requirements.txt one folder up)
"""

import os

import torch
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer

from common import fill, random, write

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

SIZE = dict(img_size=16, patch_size=4, embed_dim=24, depth=3, num_heads=3, mlp_ratio=2, num_classes=0, global_pool="")
CONFIG = dict(image_size=16, patch_size=4, in_channels=3, dim=24, depth=3, heads=3, mlp_dim=48, positions="learned")


def export(name, config, image_shape, weights_for_gradients, seed, **options):
    model = VisionTransformer(**SIZE, **options, dynamic_img_size=True).eval()
    fill(model, seed)
    image = random(image_shape, seed + 1).requires_grad_()
    tokens = {}

    def keep(key):
        return lambda _module, _inputs, output: tokens.update({key: output})

    model.norm_pre.register_forward_hook(keep("embed"))
    for index, block in enumerate(model.blocks):
        block.register_forward_hook(keep(f"block.{index}"))
    output = model.forward_features(image)
    probe = random(output.shape, seed + 2)
    loss = (output * probe).sum()
    loss.backward()
    parameters = dict(model.named_parameters())
    tensors = {"image": image, "probe": probe, "final": output, "loss": loss.reshape(1), "grad.image": image.grad}
    tensors |= tokens
    tensors |= {f"grad.{key}": parameters[key].grad for key in weights_for_gradients}
    write(f"{name}_golden.safetensors", tensors, config=CONFIG | config)
    write(f"{name}_weights.safetensors", model.state_dict())


COMMON = ["patch_embed.proj.weight", "patch_embed.proj.bias", "cls_token", "pos_embed", "blocks.0.norm1.weight",
          "blocks.1.attn.qkv.weight", "blocks.1.attn.proj.weight", "blocks.2.norm2.bias", "blocks.2.mlp.fc1.weight",
          "blocks.2.mlp.fc2.bias", "norm.weight"]

# The plain model on the size it was made for.
export("vit", {}, (2, 3, 16, 16), COMMON + ["blocks.1.attn.qkv.bias"], 10)
# LayerScale, registers without positions, no qkv bias, on a wider image: positions are resampled, gradients too.
export("vit_registers",
       dict(layer_scale=0.1, register_tokens=2, pos_on_prefix=False, qkv_bias=False, layer_norm_eps=1e-5),
       (1, 3, 12, 24), COMMON + ["reg_token", "blocks.1.ls1.gamma", "blocks.2.ls2.gamma"], 20,
       init_values=0.1, reg_tokens=2, no_embed_class=True, qkv_bias=False,
       norm_layer=lambda dim, **kw: torch.nn.LayerNorm(dim, eps=1e-5))

# Position tables by themselves, growing, shrinking and changing their aspect.
table = random((1, 1 + 16, 8), 30)
grids = [(4, 4), (7, 7), (3, 3), (2, 9), (5, 1), (14, 6)]
tensors = {"table": table}
for rows, columns in grids:
    tensors[f"{rows}x{columns}"] = resample_abs_pos_embed(table, [rows, columns], num_prefix_tokens=1)
write("positions_golden.safetensors", tensors, grids=grids)
