"""torchgeo's DOFA on a tiny random model: a patch embedding generated from wavelengths, for two sets of channels.

    python export_zoo_dofa.py     (writes zoo_dofa* beside itself)
"""

import os

import torch
from torchgeo.models.dofa import DOFA, DOFAEmbedding

from common import random
from zoo_common import fill, golden, of, sin_cos

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_num_threads(1)

CONFIG = dict(image_size=16, patch_size=4, dim=24, depth=2, heads=3, mlp_dim=48, positions="sin_cos_2d", final_norm=False,
              patch_padding=1)
GENERATOR = dict(style="dofa", width=16, tokens=128, hidden=2048, heads=4)
PARTS = ["weight_generator.weight_tokens", "weight_generator.bias_token", "weight_generator.fc_weight.weight",
         "weight_generator.fc_bias.bias", "weight_generator.transformer_encoder.layers.0.self_attn.in_proj_weight",
         "weight_generator.transformer_encoder.layers.0.norm1.weight", "fclayer.w1.weight"]


class Features(torch.nn.Module):
    """All tokens behind the last block: the published class pools them and norms the pool with weights that no file holds."""

    def __init__(self, model, wavelengths):
        super().__init__()
        self.model, self.waves = model, torch.tensor(wavelengths)
        self.embedded = torch.nn.Identity()

    def forward(self, image):
        model = self.model
        x, _ = model.patch_embed(image, self.waves)
        x = x + model.pos_embed[:, 1:]
        x = self.embedded(torch.cat([(model.cls_token + model.pos_embed[:, :1]).expand(len(x), -1, -1), x], 1))
        for block in model.blocks:
            x = block(x)
        return x


model = DOFA(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=0, mlp_ratio=2).eval()
# The generator's own width is 128; its feed-forward layer of 2048 is fixed.
model.patch_embed = DOFAEmbedding(dynamic_embed_dim=16, kernel_size=4, embed_dim=24)
fill(model, 160, scale=0.2)
model.pos_embed.data.copy_(sin_cos(24, 4))
# The published file has neither the norm of the pool nor a head.
state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("fc_norm")}
torch.save(state, "zoo_dofa_weights.pth")

for name, wavelengths in [("dofa", [0.665, 0.56, 0.49]), ("dofa_radar", [3.75, 0.842, 1.61, 2.19])]:
    image = random((2, len(wavelengths), 16, 16), 161)
    run = Features(model, wavelengths).eval()
    gradients = of(model, "cls_token", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc1.weight",
                   *[f"patch_embed.{part}" for part in PARTS])
    # The whole published class must agree: its pooled and normed feature, from the same tokens.
    with torch.no_grad():
        pooled = model.fc_norm(run(image)[:, 1:].mean(1))
        assert torch.equal(pooled, model.forward_features(image, wavelengths))
    golden(name, model, image, "zoo_dofa_weights.pth",
           CONFIG | dict(in_channels=len(wavelengths), spectral_embed=GENERATOR | dict(wavelengths=wavelengths)), gradients,
           run=lambda m, x: run(x), embed=run.embedded, blocks=model.blocks)
