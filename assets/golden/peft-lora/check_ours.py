"""Loads adapter directories written by crate `peft-lora` with Python peft on a timm ViT and compares the logits.

Run:  python assets/golden/peft-lora/check_ours.py DIRECTORY
where DIRECTORY/<case>/ holds `adapter/` and `expected.safetensors` (input, logits), as the crate's test
`python_peft_gives_the_same_logits` writes them. Fails if any logit differs by more than 1e-5, relative to the largest.
"""

import pathlib
import sys
import warnings

import safetensors.torch
import torch
from peft import PeftModel

from export_peft import HERE, tiny_vit


def check(case: pathlib.Path) -> float:
    model = tiny_vit()
    base = safetensors.torch.load_file(HERE / "base.safetensors")
    missing = model.load_state_dict(base, strict=False).missing_keys
    assert all(key.startswith("head.") for key in missing), missing
    with warnings.catch_warnings():
        # peft only warns about keys that are missing or not used: here that is a failure.
        warnings.filterwarnings("error", message=r"(Found missing|Loading adapter weights)")
        model = PeftModel.from_pretrained(model, case / "adapter").eval()
    expected = safetensors.torch.load_file(case / "expected.safetensors")
    with torch.no_grad():
        logits = model(expected["input"])
        with model.disable_adapter():
            plain = model.base_model.model.forward_features(expected["input"])
        adapted = model.base_model.model.forward_features(expected["input"])
    assert not torch.allclose(plain, adapted, rtol=1e-3), "the adapter does nothing"
    return ((logits - expected["logits"]).abs().max() / expected["logits"].abs().max()).item()


if __name__ == "__main__":
    cases = sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir())
    errors = {case.name: check(case) for case in cases}
    for name, error in errors.items():
        print(f"{name}: max |difference| / max |logit| = {error:.2e}")
    sys.exit(0 if errors and max(errors.values()) <= 1e-5 else 1)
