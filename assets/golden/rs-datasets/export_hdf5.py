"""Writes hdf5.zip: small files by h5py with its defaults, and a few of kinds that are refused.

Run: python export_hdf5.py   (h5py and numpy as pinned in ../requirements.txt)
"""

import io
import json
import pathlib
import pickle
import zipfile

import h5py
import numpy as np

TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", ">i2", ">f4"]


def file(fill, **options):
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as f:
        fill(f)
    return stream.getvalue()


def types(f):
    for name in TYPES:
        f.create_dataset(f"{name} band", data=(np.arange(6).reshape(2, 3) * 7 + 1).astype(name))
    f.create_dataset("single", data=np.float32(0.5))
    f.create_dataset("cube", data=np.arange(24, dtype="int16").reshape(2, 3, 4))


def many(f):
    # More members than one node of names and one node of the tree hold.
    for i in range(300):
        f.create_dataset(f"{i:03d}", data=np.array([i], dtype="int16"))


def sample(f):
    for i, name in enumerate(["02 - Blue", "04 - Red"]):
        f.create_dataset(name, data=np.full((2, 2), i + 1, dtype="int16"))
    d = {"label": np.int64(4), "bands_order": ["02 - Blue", "04 - Red"], "02 - Blue": {"date": None, "transform": (1.5, -2)}}
    f.attrs["pickle"] = str(pickle.dumps(d))
    f.attrs["fixed"] = np.bytes_("fixed text")
    f.attrs["number"] = 3


files = {
    "types.h5": file(types),
    "many.h5": file(many),
    "sample.h5": file(sample),
    "refused/latest.h5": file(sample, libver="latest"),
    "refused/chunks.h5": file(lambda f: f.create_dataset("x", data=np.zeros((4, 4)), chunks=(2, 2))),
    "refused/gzip.h5": file(lambda f: f.create_dataset("x", data=np.zeros((4, 4)), compression="gzip")),
    "refused/half.h5": file(lambda f: f.create_dataset("x", data=np.zeros(4, dtype="float16"))),
    "refused/text.h5": file(lambda f: f.create_dataset("x", data="text")),
}
files["versions.json"] = json.dumps({"h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version, "numpy": np.__version__})
with zipfile.ZipFile(pathlib.Path(__file__).with_name("hdf5.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
    for name, data in files.items():
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, data)
