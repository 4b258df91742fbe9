"""Clay 1.5 on a tiny random model: a patch embedding generated from wavelengths, positions at rates that depend on the size of a pixel, and
eight numbers about time and place in every token.

The published package installs its modules at the top level while they import from `src`, so they are loaded from their files.

    python export_zoo_clay.py     (writes zoo_clay* beside itself; needs requirements_without_dependencies.txt)
"""

import importlib.metadata
import importlib.util
import os
import sys
import types

import torch

from common import VERSIONS, random
from zoo_common import fill, golden

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)
VERSIONS["claymodel"] = importlib.metadata.version("claymodel")


def published():
    """The modules of the package under the name that they import each other by."""
    files = {str(file): file.locate() for file in importlib.metadata.files("claymodel")}
    sys.modules["src"] = types.ModuleType("src")
    for name in ["utils", "factory", "backbone", "model"]:
        spec = importlib.util.spec_from_file_location(f"src.{name}", files[f"{name}.py"])
        module = importlib.util.module_from_spec(spec)
        sys.modules[f"src.{name}"] = module
        spec.loader.exec_module(module)
    return sys.modules["src.model"], sys.modules["src.factory"]


SIZE = dict(patch_size=4, dim=24, depth=2, heads=3, dim_head=8, mlp_ratio=2)
CONFIG = dict(image_size=16, patch_size=4, dim=24, depth=2, heads=3, mlp_dim=48, layer_norm_eps=1e-5, positions="sin_cos_metadata",
              pos_on_prefix=False, qkv_bias=False, proj_bias=False)
GENERATOR = dict(style="clay", width=16, tokens=8, hidden=2048, heads=4)
NAMES = {"cls_token": "cls_token", "norm.weight": "transformer.norm.weight",
         "blocks.0.norm1.weight": "transformer.layers.0.0.norm.weight",
         "blocks.0.attn.qkv.weight": "transformer.layers.0.0.to_qkv.weight",
         "blocks.1.attn.proj.weight": "transformer.layers.1.0.to_out.weight",
         "blocks.1.mlp.fc1.weight": "transformer.layers.1.1.net.1.weight"}
PARTS = {"weight_generator.weight_tokens": "weight_generator.weight_tokens",
         "weight_generator.fc_weight.weight": "weight_generator.fc_weight.weight",
         "weight_generator.fc_bias.bias": "weight_generator.fc_bias.bias",
         "weight_generator.transformer_encoder.layers.0.self_attn.in_proj_weight":
             "weight_generator.encoder.layers.0.self_attn.in_proj_weight",
         "fclayer.w1.weight": "fclayer.l1.weight"}

if __name__ == "__main__":
    code, factory = published()
    # Nothing masked, nothing shuffled, as the published embedder has it.
    encoder = code.Encoder(mask_ratio=0.0, shuffle=False, **SIZE).eval()
    # The generator's own width and number of tokens are 128; its feed-forward layer of 2048 is fixed.
    encoder.patch_embedding = factory.DynamicEmbedding(wave_dim=16, num_latent_tokens=8, patch_size=4, embed_dim=24)
    fill(encoder, 170, scale=0.2)
    state = {f"model.encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    state |= {"model.decoder.mask_patch": random((16,), 171), "model.teacher.patch_embed.proj.weight": random((8, 3, 4, 4), 172)}
    torch.save({"state_dict": state, "epoch": 7, "global_step": 123}, "zoo_clay_weights.ckpt")

    waves, gsd = [0.493, 0.56, 0.665, 0.842], 10.0
    metadata = random((2, 8), 173).clamp(-1, 1)

    def run(model, image, metadata=metadata, gsd=gsd):
        cube = dict(pixels=image, time=metadata[:, :4], latlon=metadata[:, 4:], gsd=torch.tensor(gsd), waves=torch.tensor(waves))
        # With nothing to mask and no shuffling the package keeps all patches in their order.
        return model(cube)[0]

    embedded = torch.nn.Identity()
    first = encoder.transformer.layers[0][0]
    first.register_forward_pre_hook(lambda _module, inputs: (embedded(inputs[0]),))
    parameters = dict(encoder.named_parameters())
    gradients = {ours: (lambda p=parameters[theirs]: p.grad) for ours, theirs in NAMES.items()}
    gradients |= {f"patch_embed.{ours}": (lambda p=parameters[f"patch_embedding.{theirs}"]: p.grad) for ours, theirs in PARTS.items()}

    # The transformer adds the residual outside its layers; the sum behind a block is the input of the next one's norm.
    sums = [torch.nn.Identity() for _ in encoder.transformer.layers]
    for behind, (attention, _) in zip(sums, list(encoder.transformer.layers)[1:]):
        attention.register_forward_pre_hook(lambda _module, inputs, behind=behind: (behind(inputs[0]),))
    encoder.transformer.norm.register_forward_pre_hook(lambda _module, inputs: (sums[-1](inputs[0]),))

    image = random((2, 4, 16, 16), 174)
    golden("clay", encoder, image, "zoo_clay_weights.ckpt",
           CONFIG | dict(in_channels=4, spectral_embed=GENERATOR | dict(wavelengths=waves)), gradients, run=run, embed=embedded,
           blocks=sums, resolutions=[gsd], metadata=metadata.tolist())
