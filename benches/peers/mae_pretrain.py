"""Masked-autoencoder pretraining of the small ViT in PyTorch: the peer of `cargo xtask pretrain`.

Same architecture, data, split and recipe as the Rust command, so that throughput and loss curves can be laid side by side.
The encoder is saved as safetensors with timm's key names.

    python mae_pretrain.py --zip EuroSAT_RGB.zip --reserve DIR_OF_13_BAND_PATCHES --out OUT.safetensors --epochs 36
"""

import argparse
import hashlib
import io
import json
import math
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

MEAN = (0.3444, 0.3803, 0.4078)
STD = (0.2037, 0.1366, 0.1148)


def split_key(seed, name):
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def held_out(ids_by_class, fraction, seed):
    """Stratified hold-out: per class the first ids in the order of SHA-256(seed:id); counts by largest remainder."""
    total = round(fraction * sum(len(v) for v in ids_by_class.values()))
    quota = {c: fraction * len(v) for c, v in ids_by_class.items()}
    count = {c: int(q) for c, q in quota.items()}
    for c in sorted(quota, key=lambda c: (-(quota[c] - count[c]), c))[: total - sum(count.values())]:
        count[c] += 1
    return {i for c, v in ids_by_class.items() for i in sorted(v, key=lambda i: (split_key(seed, i), i))[: count[c]]}


def sincos(dim, side):
    omega = 1.0 / 10000 ** (np.arange(dim // 4, dtype=np.float64) / (dim / 4))
    # The published formulation puts the column coordinate in the first half.
    ys, xs = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    parts = []
    for coordinate in (xs, ys):
        angle = coordinate.reshape(-1)[:, None] * omega[None]
        parts += [np.sin(angle), np.cos(angle)]
    grid = np.concatenate(parts, 1)
    return torch.tensor(np.concatenate([np.zeros((1, dim)), grid]), dtype=torch.float32)[None]


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        weights = ((q * (d // self.heads) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Mae(nn.Module):
    def __init__(self, size=64, patch=8, dim=192, depth=8, heads=3, dec_dim=96, dec_depth=2, dec_heads=3):
        super().__init__()
        self.patch, self.side = patch, size // patch
        self.patch_embed = nn.Linear(3 * patch * patch, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.decoder_embed = nn.Linear(dim, dec_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dec_dim))
        self.decoder_blocks = nn.ModuleList(Block(dec_dim, dec_heads) for _ in range(dec_depth))
        self.decoder_norm = nn.LayerNorm(dec_dim, eps=1e-6)
        self.decoder_pred = nn.Linear(dec_dim, 3 * patch * patch)
        self.register_buffer("pos", sincos(dim, self.side))
        self.register_buffer("dec_pos", sincos(dec_dim, self.side))
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.normal_(self.mask_token, std=0.02)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def patches(self, x):
        b, c, h, w = x.shape
        p = self.patch
        x = x.reshape(b, c, h // p, p, w // p, p)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(b, (h // p) * (w // p), c * p * p)

    def tokens(self, patches):
        x = self.patch_embed(patches) + self.pos[:, 1:]
        return x

    def features(self, x):
        t = self.tokens(self.patches(x))
        t = torch.cat([(self.cls_token + self.pos[:, :1]).expand(len(t), -1, -1), t], 1)
        for blk in self.blocks:
            t = blk(t)
        return t[:, 1:].mean(1)

    def forward(self, x, keep, restore):
        patches = self.patches(x)
        t = self.tokens(patches)
        b, n, d = t.shape
        t = t.gather(1, keep[..., None].expand(-1, -1, d))
        t = torch.cat([(self.cls_token + self.pos[:, :1]).expand(b, -1, -1), t], 1)
        for blk in self.blocks:
            t = blk(t)
        t = self.decoder_embed(self.norm(t))
        full = torch.cat([t[:, 1:], self.mask_token.expand(b, n - keep.shape[1], -1)], 1)
        full = full.gather(1, restore[..., None].expand(-1, -1, full.shape[-1]))
        t = torch.cat([t[:, :1], full], 1) + self.dec_pos
        for blk in self.decoder_blocks:
            t = blk(t)
        pred = self.decoder_pred(self.decoder_norm(t))[:, 1:]
        mean = patches.mean(-1, keepdim=True)
        var = patches.var(-1, keepdim=True)
        target = (patches - mean) / (var + 1e-6) ** 0.5
        loss = ((pred - target) ** 2).mean(-1)
        mask = (restore >= keep.shape[1]).float()
        return (loss * mask).sum() / mask.sum()


def augment(x, gen):
    """Area crop of 0.5 to 1, flips and transpose, on a whole batch `[n, 3, 64, 64]`."""
    n = len(x)
    area = 0.5 + 0.5 * torch.rand(n, generator=gen)
    s = area.sqrt()
    tx = (1 - s) * (2 * torch.rand(n, generator=gen) - 1)
    ty = (1 - s) * (2 * torch.rand(n, generator=gen) - 1)
    fx = torch.randint(0, 2, (n,), generator=gen) * 2.0 - 1
    fy = torch.randint(0, 2, (n,), generator=gen) * 2.0 - 1
    swap = torch.randint(0, 2, (n,), generator=gen).bool()
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = s * fx, s * fy
    theta[:, 0, 2], theta[:, 1, 2] = tx, ty
    theta[swap] = theta[swap][:, [1, 0]]
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), mode="bilinear", padding_mode="reflection", align_corners=False)


def export(model, path, meta):
    from safetensors.torch import save_file

    state = {}
    for k, v in model.state_dict().items():
        if k.startswith(("decoder", "mask_token", "dec_pos", "pos")):
            continue
        if k == "patch_embed.weight":
            p = model.patch
            state["patch_embed.proj.weight"] = v.reshape(-1, 3, p, p).contiguous()
        elif k == "patch_embed.bias":
            state["patch_embed.proj.bias"] = v
        else:
            state[k] = v.contiguous()
    state["pos_embed"] = model.pos.contiguous()
    save_file(state, str(path) + ".tmp", metadata=meta)
    os.replace(str(path) + ".tmp", path)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--zip", required=True)
    a.add_argument("--reserve", required=True, help="folder whose *.tif names are left out")
    a.add_argument("--out", required=True)
    a.add_argument("--epochs", type=int, default=36)
    a.add_argument("--batch", type=int, default=128)
    a.add_argument("--lr", type=float, default=1.2e-3)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--split-seed", type=int, default=2026)
    a.add_argument("--max-steps", type=int)
    a.add_argument("--state", help="where to keep the state for resuming")
    args = a.parse_args()
    torch.manual_seed(args.seed)
    reserve = {p.stem for p in Path(args.reserve).rglob("*.tif")}
    ids, images, classes = [], [], []
    with zipfile.ZipFile(args.zip) as z:
        for name in sorted(z.namelist()):
            if name.endswith(".jpg"):
                ids.append(Path(name).stem)
                classes.append(Path(name).parent.name)
                images.append(np.asarray(Image.open(io.BytesIO(z.read(name)))))
    images = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    by_class = {}
    for i, c in zip(ids, classes):
        if i not in reserve:
            by_class.setdefault(c, []).append(i)
    test = held_out(by_class, 0.2, args.split_seed)
    train = torch.tensor([k for k, i in enumerate(ids) if i not in reserve and i not in test])
    digest = hashlib.sha256("\n".join(sorted(ids[k] for k in train)).encode()).hexdigest()
    print(f"{len(ids)} images, {len(reserve)} reserved, {len(test)} held out, {len(train)} for pretraining, sha256 {digest}", flush=True)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    model = Mae()
    decay = [p for p in model.parameters() if p.ndim > 1 and p.shape[0] != 1]
    rest = [p for p in model.parameters() if not (p.ndim > 1 and p.shape[0] != 1)]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], lr=args.lr, betas=(0.9, 0.95))
    per_epoch = len(train) // args.batch
    total = args.epochs * per_epoch
    warm = int(0.04 * total)
    step, first, curve = 0, 0, []
    if args.state and os.path.exists(args.state):
        s = torch.load(args.state)
        model.load_state_dict(s["model"]), opt.load_state_dict(s["opt"])
        first, step, curve = s["epoch"], s["step"], s["curve"]
    start = time.time()
    for epoch in range(first, args.epochs):
        gen = torch.Generator().manual_seed(args.seed * 100003 + epoch)
        order = train[torch.randperm(len(train), generator=gen)]
        losses = []
        for k in range(per_epoch):
            x = images[order[k * args.batch : (k + 1) * args.batch]].float() / 255
            x = augment((x - mean) / std, gen)
            noise = torch.rand(len(x), 64, generator=gen)
            ids_shuffle = noise.argsort(1)
            restore = ids_shuffle.argsort(1)
            lr = args.lr * (step + 1) / warm if step < warm else args.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
            for g in opt.param_groups:
                g["lr"] = lr
            loss = model(x, ids_shuffle[:, :16], restore)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            losses.append(loss.item())
            step += 1
            if args.max_steps and step >= args.max_steps:
                print(f"{args.max_steps * args.batch / (time.time() - start):.0f} images/s")
                return
        curve.append(sum(losses) / len(losses))
        print(f"epoch {epoch + 1} loss {curve[-1]:.4f} {(epoch + 1 - first) * per_epoch * args.batch / (time.time() - start):.0f} images/s", flush=True)
        meta = {"format": "pt", "curve": json.dumps([round(c, 5) for c in curve]), "pretraining_ids_sha256": digest, "epochs": str(epoch + 1), "torch": torch.__version__}
        export(model, args.out, meta)
        if args.state:
            torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "epoch": epoch + 1, "step": step, "curve": curve}, args.state + ".tmp")
            os.replace(args.state + ".tmp", args.state)


if __name__ == "__main__":
    main()
