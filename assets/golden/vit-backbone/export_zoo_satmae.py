"""SatMAE with channel groups, whose code is in a repository only: timm's VisionTransformer with grouped patch embeddings.

The formulation is ours, from the published `models_vit_group_channels.py` and `models_mae_group_channels.py`: each group of
channels has a patch embedding of its own; a token's position is the place's sin-cos of width dim - c beside the group's one-dimensional
sin-cos of width c; tokens stand group by group behind the class token, whose position is the table's first row beside
`channel_cls_embed`. The pretraining file has no `channel_cls_embed` (it is zero there); in fine-tuned files all tables are trained.

    python export_zoo_satmae.py     (writes zoo_satmae* beside itself)
"""

import os

import torch
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torchgeo.models.scale_mae import get_1d_sincos_pos_embed_from_grid_torch

from common import random
from zoo_common import fill, golden, of, sin_cos

GROUPS = ((0, 1, 4), (2, 3, 5), (6,))
CHANNEL_DIM = 8
CONFIG = dict(image_size=16, patch_size=4, in_channels=7, dim=24, depth=2, heads=3, mlp_dim=48,
              channel_groups=dict(groups=GROUPS, dim=CHANNEL_DIM), interpolation="bicubic")
NAMES = ["patch_embed.0.proj.weight", "patch_embed.2.proj.weight", "patch_embed.1.proj.bias", "cls_token",
         "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.weight", "norm.weight"]


class GroupViT(VisionTransformer):
    def __init__(self, groups, channel_dim, img_size, patch_size, embed_dim, device=None, **options):
        super().__init__(img_size=img_size, patch_size=patch_size, embed_dim=embed_dim, device=device, **options)
        self.groups = groups
        self.patch_embed = torch.nn.ModuleList(
            PatchEmbed(img_size, patch_size, len(group), embed_dim, device=device) for group in groups)
        side = img_size // patch_size
        places = sin_cos(embed_dim - channel_dim, side)
        channels = get_1d_sincos_pos_embed_from_grid_torch(channel_dim, torch.arange(len(groups)).float())[None]
        self.pos_embed = torch.nn.Parameter(places.to(device), requires_grad=False)
        self.channel_embed = torch.nn.Parameter(channels.to(device), requires_grad=False)
        self.channel_cls_embed = torch.nn.Parameter(torch.zeros(1, 1, channel_dim, device=device), requires_grad=False)

    def forward_features(self, x):
        places, rows = self.pos_embed[:, 1:], []
        for number, group in enumerate(self.groups):
            channel = self.channel_embed[:, number:number + 1].expand(-1, places.shape[1], -1)
            rows.append(self.patch_embed[number](x[:, list(group)]) + torch.cat([places, channel], dim=-1))
        first = self.cls_token + torch.cat([self.pos_embed[:, :1], self.channel_cls_embed], dim=-1)
        x = torch.cat([first.expand(x.shape[0], -1, -1)] + rows, dim=1)
        return self.norm(self.blocks(self.norm_pre(x)))


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    torch.set_num_threads(1)
    model = GroupViT(GROUPS, CHANNEL_DIM, 16, 4, 24, depth=2, num_heads=3, mlp_ratio=2, num_classes=0,
                     global_pool="").eval()
    fill(model, 160)
    image = random((2, 7, 16, 16), 161)
    decoder = {"mask_token": random((1, 1, 8), 162), "decoder_channel_embed": random((1, 4, 4), 163),
               "decoder_pred.0.weight": random((48, 8), 164)}
    pretraining = {name: tensor for name, tensor in model.state_dict().items() if name != "channel_cls_embed"}
    torch.save({"model": pretraining | decoder, "epoch": 199}, "zoo_satmae_weights.pth")
    golden("satmae", model, image, "zoo_satmae_weights.pth", CONFIG | dict(positions="sin_cos_2d"), of(model, *NAMES))

    for parameter in model.parameters():
        parameter.requires_grad_()
    fill(model, 165)
    head = {"head.weight": random((5, 24), 166), "head.bias": random((5,), 167)}
    torch.save({"model": model.state_dict() | head, "epoch": 7}, "zoo_satmae_finetuned_weights.pth")
    golden("satmae_finetuned", model, image, "zoo_satmae_finetuned_weights.pth", CONFIG | dict(positions="learned"),
           of(model, *NAMES, "pos_embed", "channel_embed", "channel_cls_embed"))
