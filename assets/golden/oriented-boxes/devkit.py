"""The published evaluators as Python modules, for the exporters of this folder.

- DOTA development kit (https://github.com/CAPTAIN-WHU/DOTA_devkit, MIT licence), commit 9938855. Its files are fetched from that commit, or taken
  from the folder named by the variable DOTA_DEVKIT; either way their SHA-256 is checked. The overlap module `polyiou` is built
  from its C++ source with swig (pip package) and g++.
- mmrotate 0.3.4 and mmdet 2.28.2 from pip (`--no-deps`). Their evaluators are pure Python but for mmcv's compiled `box_iou_rotated`, which
  mmcv 1.x offers for no current PyTorch: that one function is replaced by shapely's polygon intersection. Importing their packages
  would need all of mmcv, so the single files are loaded.
"""

import hashlib
import importlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import types
import urllib.request

import numpy as np

COMMIT = "99388551054be9a6dabb01c8bb2a7eb562d57b4f"
SHA256 = {
    "dota_evaluation_task1.py": "c334f2986ba83e368f13f1e36bc93cba88f728ac24e61049ac8a3545c59e346b",
    "dota-v1.5_evaluation_task1.py": "ae40f9d15f1b4293be7b63b699b1de8fdde37fdfd971982c309ac4b4b0852099",
    "ResultMerge_multi_process.py": "201548554c8b1869f2d20aef5d60ee34b690eec2043d2ac367ae18a1cfb84a3b",
    "ImgSplit.py": "8fc250315f8d075867475f3ce073217b7c80020865495ded910fd38a29f0d4bd",
    "dota_utils.py": "e05ee1a1b7a82c06a2fa013bf50389e20955826ade860de132351e38b98ae08a",
    "polyiou.cpp": "ffbe0459419f962ce1695cd4c49beacb97b95ca42381f244da91f5b56dcb301a",
    "polyiou.h": "470c332bb8313efd38e4ba92b7ccbaf9717f106e2918eef1ea37946ddd0b5f9b",
    "polyiou.i": "2747d15deeba018037a8c489c0331b53cbf6e61b56a4858558e068c29fbd0f50",
}


def fetch(folder):
    """Copies the kit's files into `folder`, checked."""
    given = os.environ.get("DOTA_DEVKIT")
    for name, expected in SHA256.items():
        if given:
            data = (pathlib.Path(given) / name).read_bytes()
        else:
            url = f"https://raw.githubusercontent.com/CAPTAIN-WHU/DOTA_devkit/{COMMIT}/{name}"
            try:
                data = urllib.request.urlopen(url, timeout=60).read()
            except OSError as error:
                sys.exit(f"{url}: {error}; without network, name a folder with the kit's files of that commit in DOTA_DEVKIT")
        found = hashlib.sha256(data).hexdigest()
        assert found == expected, f"{name}: expected SHA-256 {expected}, found {found}"
        (folder / name).write_bytes(data)


def build_polyiou(folder):
    """swig and g++ make the kit's own extension module."""
    # The pip package puts it beside the interpreter, which need not be in PATH.
    places = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    swig = shutil.which("swig", path=places)
    if swig is None:
        sys.exit("swig is missing: it is in requirements.txt")
    subprocess.run([swig, "-c++", "-python", "polyiou.i"], cwd=folder, check=True)
    include = sysconfig.get_paths()["include"]
    target = "_polyiou" + sysconfig.get_config_var("EXT_SUFFIX")
    command = ["g++", "-O2", "-fPIC", "-shared", f"-I{include}", "polyiou_wrap.cxx", "polyiou.cpp", "-o", target]
    subprocess.run(command, cwd=folder, check=True)


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def stub(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


class Kit:
    """The development kit: `task1`, `task1_v15`, `merge`, `split`, `polyiou`."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dota_devkit_"))
        fetch(self.folder)
        build_polyiou(self.folder)
        sys.path.insert(0, str(self.folder))
        # Plotting is imported by the kit but not used here.
        stub("matplotlib")
        stub("matplotlib.pyplot")
        self.polyiou = load("polyiou", self.folder / "polyiou.py")
        self.utils = load("dota_utils", self.folder / "dota_utils.py")
        self.task1 = load("dota_evaluation_task1", self.folder / "dota_evaluation_task1.py")
        self.task1_v15 = load("dota_evaluation_task1_v15", self.folder / "dota-v1.5_evaluation_task1.py")
        self.merge = load("ResultMerge_multi_process", self.folder / "ResultMerge_multi_process.py")
        self.split = load("ImgSplit", self.folder / "ImgSplit.py")

    def iou(self, p, q):
        vector = self.polyiou.VectorDouble
        return self.polyiou.iou_poly(vector([float(v) for v in p]), vector([float(v) for v in q]))


def corners(cx, cy, w, h, angle):
    """Corners of a box whose width has the direction `angle`."""
    c, s = np.cos(angle), np.sin(angle)
    return [
        (cx + x * c - y * s, cy + x * s + y * c)
        for x, y in ((-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2))
    ]


def mmrotate():
    """mmrotate's `eval_map` and `transforms` with mmdet's `average_precision`."""
    import shapely

    def box_iou_rotated(a, b):
        pa, pb = ([shapely.Polygon(corners(*map(float, row[:5]))) for row in x.numpy()] for x in (a, b))
        out = np.zeros((len(pa), len(pb)), dtype=np.float64)
        for i, p in enumerate(pa):
            for j, q in enumerate(pb):
                out[i, j] = p.intersection(q).area / p.union(q).area
        return torch_from(out)

    def torch_from(array):
        import torch

        return torch.from_numpy(array)

    site = pathlib.Path(sysconfig.get_paths()["purelib"])
    for entry in map(pathlib.Path, sys.path):
        if (entry / "mmrotate").is_dir():
            site = entry
    stub("mmcv")
    stub("mmcv.ops", box_iou_rotated=box_iou_rotated)
    stub("mmcv.utils", print_log=lambda *a, **k: None)
    stub("terminaltables", AsciiTable=object)
    # mean_ap imports its neighbours by relative names.
    stub("mmdet")
    stub("mmdet.core")
    package = stub("mmdet.core.evaluation")
    package.__path__ = [str(site / "mmdet/core/evaluation")]
    mean_ap = importlib.import_module("mmdet.core.evaluation.mean_ap")
    sys.modules["mmdet.core"].average_precision = mean_ap.average_precision
    folder = site / "mmrotate/core"
    return (
        load("mmrotate_eval_map", folder / "evaluation/eval_map.py"),
        load("mmrotate_transforms", folder / "bbox/transforms.py"),
    )
