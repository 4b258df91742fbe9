"""Prithvi-EO on tiny random models: frames embedded by a three-dimensional convolution, three-dimensional sin-cos positions, and the
embeddings of date and place of the TL models.

The code is terratorch's `prithvi_mae.py`, loaded from its file: importing the package needs its whole stack. The first file has the names of
version 1 (encoder and decoder side by side), the second those of version 2 (`encoder.`, `decoder.`).

    python export_zoo_prithvi.py     (writes zoo_prithvi* beside itself; needs requirements_without_dependencies.txt)
"""

import importlib.metadata
import importlib.util
import os

import torch

from common import VERSIONS, random
from zoo_common import fill, golden, of

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)
VERSIONS["terratorch"] = importlib.metadata.version("terratorch")


def published():
    folder = importlib.util.find_spec("terratorch").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("prithvi_mae", f"{folder}/models/backbones/prithvi_mae.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config(frames, **more):
    return dict(image_size=16, patch_size=4, in_channels=2 * frames, dim=32, depth=2, heads=4, mlp_dim=64, layer_norm_eps=1e-5,
                positions="sin_cos_3d", interpolation="bicubic_corners", frames=frames) | more


def build(module, frames, **options):
    model = module.PrithviMAE(img_size=16, patch_size=(1, 4, 4), num_frames=frames, in_chans=2, embed_dim=32, depth=2, num_heads=4,
                              mlp_ratio=2.0, decoder_embed_dim=16, decoder_depth=1, decoder_num_heads=2, **options).eval()
    fill(model, 150)
    return model


def run(*coordinates):
    """All tokens behind the final norm. Here an image has its frames behind one another in its channels."""
    def forward(model, image):
        batch, channels, height, width = image.shape
        return model.forward_features(image.reshape(batch, channels // 2, 2, height, width).transpose(1, 2), *coordinates)[-1]
    return forward


NAMES = ["patch_embed.proj.weight", "patch_embed.proj.bias", "cls_token", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc1.weight",
         "norm.weight"]


def write(name, model, shape, weights, config, *coordinates, extra=(), **more):
    encoder = model.encoder
    gradients = of(encoder, *NAMES, *extra)
    # The embedding has no module of its own that sees the whole sequence; the first block's input is it.
    embedded = torch.nn.Identity()
    first = encoder.blocks[0]
    hook = first.register_forward_pre_hook(lambda _module, inputs: (embedded(inputs[0]),))
    golden(name, encoder, random(shape, 151), weights, config, gradients, run=run(*coordinates), embed=embedded,
           blocks=encoder.blocks, **more)
    hook.remove()


if __name__ == "__main__":
    module = published()
    model = build(module, 3)
    flat = {name.removeprefix("encoder.").removeprefix("decoder."): tensor for name, tensor in model.state_dict().items()}
    torch.save(flat, "zoo_prithvi_v1_weights.pt")
    write("prithvi_v1", model, (2, 6, 16, 16), "zoo_prithvi_v1_weights.pt", config(3))
    # A grid of its own: the table is interpolated with its corners kept.
    write("prithvi_wide", model, (1, 6, 12, 24), "zoo_prithvi_v1_weights.pt", config(3))

    model = build(module, 2, coords_encoding=["time", "location"], coords_scale_learn=True)
    torch.save(model.state_dict(), "zoo_prithvi_tl_weights.pt")
    write("prithvi_tl", model, (2, 4, 16, 16), "zoo_prithvi_tl_weights.pt", config(2, coordinates=True))
    # Year and day of the year of every frame, latitude and longitude of the image.
    dates = [[[2017.0, 12.0], [2019.0, 345.0]], [[2022.0, 100.0], [2022.0, 200.0]]]
    places = [[52.25, -113.5], [-33.0, 151.25]]
    write("prithvi_where_and_when", model, (2, 4, 16, 16), "zoo_prithvi_tl_weights.pt", config(2, coordinates=True),
          torch.tensor(dates), torch.tensor(places), extra=["temporal_embed_enc.scale", "location_embed_enc.scale"],
          dates=dates, places=places)
