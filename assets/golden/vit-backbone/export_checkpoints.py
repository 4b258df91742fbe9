"""One tiny timm model in the containers, number types and nestings that published checkpoints come in.

    python export_checkpoints.py     (writes checkpoints/* beside itself; versions in requirements.txt one folder up)
"""

import argparse
import collections
import os

import numpy
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer

from common import VERSIONS, fill, random

os.chdir(os.path.dirname(os.path.abspath(__file__)))
os.makedirs("checkpoints", exist_ok=True)
torch.set_num_threads(1)

model = VisionTransformer(img_size=8, patch_size=4, embed_dim=8, depth=2, num_heads=2, mlp_ratio=2, num_classes=0,
                          global_pool="")
fill(model, 60)
state = model.state_dict()
pretraining = {"mask_token": random((1, 1, 4), 61), "decoder_pos_embed": random((1, 5, 4), 62),
               "decoder_blocks.0.norm1.weight": random((4,), 63)}


def prefixed(prefix, scale=1.0):
    return collections.OrderedDict((prefix + name, tensor * scale) for name, tensor in state.items())


def legacy(value, name):
    torch.save(value, f"checkpoints/{name}", _use_new_zipfile_serialization=False)


save_file(state, "checkpoints/f32.safetensors")
for label, dtype in [("f16", torch.float16), ("bf16", torch.bfloat16), ("f64", torch.float64)]:
    save_file({name: tensor.to(dtype) for name, tensor in state.items()}, f"checkpoints/{label}.safetensors")
# MAE: the model beside the optimiser, the arguments, and numpy scalars; decoder in the same dictionary.
optimiser = torch.optim.AdamW(model.parameters())
torch.save({"model": state | pretraining, "optimizer": optimiser.state_dict(), "epoch": 3,
            "args": argparse.Namespace(lr=numpy.float64(0.1), name="mae")}, "checkpoints/mae.pth")
# DINO: two copies, wrapped twice, with a projection head; the student is another model.
head = {"module.head.mlp.0.weight": random((3, 8), 64), "module.head.last_layer.weight_g": random((3, 1), 65)}
torch.save({"student": prefixed("module.backbone.", 2.0) | head, "teacher": prefixed("module.backbone.") | head},
           "checkpoints/dino.pth")
torch.save({"state_dict": prefixed("encoder.") | {"queue": random((2, 2), 66)}}, "checkpoints/prefixed.pth")
torch.save({name: tensor.half() for name, tensor in state.items()}, "checkpoints/half.pth")
legacy(state, "legacy.pth")
legacy({"model": collections.OrderedDict((n, t.double()) for n, t in state.items()), "epoch": 1}, "legacy_double.pth")
# Views: a transposed weight and tensors that share one storage.
shared = torch.cat([tensor.flatten() for tensor in state.values()])
views, start = {}, 0
for name, tensor in state.items():
    views[name] = shared[start:start + tensor.numel()].view(tensor.shape)
    start += tensor.numel()
qkv = views["blocks.0.attn.qkv.weight"]
views["blocks.0.attn.qkv.weight"] = qkv.t().contiguous().t()
torch.save(views, "checkpoints/views.pth")
torch.manual_seed(67)
torch.save({"net": torch.nn.Linear(2, 2).state_dict(), "step": 1}, "checkpoints/not_a_vit.pth")


class Whole:
    """An object that a pickle would have to import and run."""

    def __reduce__(self):
        return (os.system, ("echo executed > executed",))


torch.save(Whole(), "checkpoints/code.pth")
print(VERSIONS)
