"""Writes the goldens of crate `peft-lora`: adapter directories written by Python peft on a tiny timm ViT, with outputs and gradients.

Run from anywhere:  python assets/golden/peft-lora/export_peft.py
Made with torch 2.11.0, timm 1.0.31, peft 0.21.2, safetensors 0.8.0 (the versions used are recorded in versions.json).

Layout written beside this script:
  base.safetensors            the tiny ViT under timm names, without its head
  head.safetensors            the head of that ViT, as it is where an adapter has none of its own
  <case>/adapter_config.json  as `PeftModel.save_pretrained` writes it
  <case>/adapter_model.safetensors
  <case>/expected.safetensors input [2,3,16,16], probe [2,5], logits [2,5], and `grad.<key>` for every trained tensor of the
                              scalar loss sum(logits * probe), under the keys of adapter_model.safetensors
"""

import json
import pathlib
import shutil

import peft
import safetensors
import safetensors.torch
import timm
import torch
from peft import IA3Config, LNTuningConfig, LoraConfig, get_peft_model, get_peft_model_state_dict

HERE = pathlib.Path(__file__).resolve().parent
# Sums in the same order on every machine.
torch.set_num_threads(1)
VIT = dict(img_size=16, patch_size=4, in_chans=3, embed_dim=16, depth=2, num_heads=2, mlp_ratio=2.0, num_classes=5)


def tiny_vit() -> torch.nn.Module:
    """A timm ViT in which no tensor is zero or one, so that nothing can be swapped or forgotten unnoticed."""
    torch.manual_seed(20)
    model = timm.models.vision_transformer.VisionTransformer(**VIT)
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn_like(value)
            value.copy_(1 + 0.1 * noise if "norm" in name and name.endswith("weight") else 0.2 * noise)
    return model.eval()


def randomise(model: torch.nn.Module) -> None:
    """Moves every trainable tensor away from its initial value, as training would."""
    torch.manual_seed(21)
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.add_(0.2 * torch.randn_like(value))


LINEARS = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"]
CASES = {
    # every linear map, plain scale alpha / r
    "lora_all": LoraConfig(r=4, lora_alpha=8, target_modules=LINEARS, modules_to_save=["head"]),
    # the fused qkv only, scale alpha / sqrt(r)
    "lora_qkv_rslora": LoraConfig(r=3, lora_alpha=6, use_rslora=True, target_modules=["qkv"], modules_to_save=["head"]),
    # targets as one regular expression, other ranks and alphas at some places, dropout (off in evaluation)
    "lora_patterns": LoraConfig(
        r=2,
        lora_alpha=3,
        lora_dropout=0.3,
        target_modules=r".*\.(attn\.qkv|mlp\.fc2)",
        rank_pattern={"blocks.0.attn.qkv": 4, "fc2": 1},
        alpha_pattern={r"1\.attn\.qkv": 5},
        modules_to_save=["head"],
    ),
    # no head in the file
    "lora_no_head": LoraConfig(r=2, lora_alpha=4, target_modules=["attn.proj"]),
    # PEFT's own type for norm tuning; an expression, because the suffix "norm" would also match timm's identity `attn.norm`
    "ln_tuning": LNTuningConfig(target_modules=r"blocks\.\d+\.norm[12]|norm", modules_to_save=["head"]),
    # weight-decomposed LoRA, one place with another rank
    "dora": LoraConfig(
        r=2, lora_alpha=3, use_dora=True, target_modules=LINEARS, rank_pattern={"fc2": 3}, modules_to_save=["head"]
    ),
    # every bias of the model is trained beside the LoRA
    "lora_bias_all": LoraConfig(r=2, lora_alpha=3, bias="all", target_modules=["qkv", "fc2"], modules_to_save=["head"]),
    # the biases of the adapted maps are trained beside the LoRA
    "lora_bias_only": LoraConfig(r=2, lora_alpha=3, bias="lora_only", target_modules=["qkv", "fc2"], modules_to_save=["head"]),
    # scales of the outputs of qkv and proj, and of the inputs of fc2
    "ia3": IA3Config(
        target_modules=["attn.qkv", "attn.proj", "mlp.fc2"], feedforward_modules=["mlp.fc2"], modules_to_save=["head"]
    ),
}


def export(name: str, config) -> None:
    target = HERE / name
    shutil.rmtree(target, ignore_errors=True)
    model = get_peft_model(tiny_vit(), config)
    randomise(model)
    model.eval()
    torch.manual_seed(22)
    image, probe = torch.randn(2, 3, 16, 16), torch.randn(2, 5)
    logits = model(image)
    (logits * probe).sum().backward()
    gradients = {id(p): p.grad for p in model.parameters() if p.grad is not None}
    values = {n: p for n, p in model.named_parameters()}
    # The state dict holds the very parameters' storage: match by data pointer to find each tensor's gradient.
    by_pointer = {p.data_ptr(): gradients[id(p)] for p in values.values() if id(p) in gradients}
    state = get_peft_model_state_dict(model)
    tensors = {"input": image, "probe": probe, "logits": logits.detach()}
    for key, value in state.items():
        # With bias="all" PEFT also saves what its wrapper keeps of the head's bias: a frozen original and an alias.
        if "original_module" not in key and "modules_to_save" not in key:
            tensors[f"grad.{key}"] = by_pointer[value.data_ptr()].clone()
    model.save_pretrained(target)
    (target / "README.md").unlink(missing_ok=True)
    # Modules are a set, whose order changes from run to run.
    described = json.loads((target / "adapter_config.json").read_text())
    for key in ("target_modules", "feedforward_modules"):
        if isinstance(described.get(key), list):
            described[key].sort()
    (target / "adapter_config.json").write_text(json.dumps(described, indent=2))
    safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()}, target / "expected.safetensors")
    print(name, sorted(state))


if __name__ == "__main__":
    state = tiny_vit().state_dict()
    for file, is_head in (("base", False), ("head", True)):
        tensors = {k: v for k, v in state.items() if k.startswith("head.") == is_head}
        safetensors.torch.save_file(tensors, HERE / f"{file}.safetensors")
    for name, config in CASES.items():
        export(name, config)
    versions = {m.__name__: m.__version__ for m in (torch, timm, peft, safetensors)}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
