"""Writes npy.zip: arrays in every spelling of the .npy format that is read, and their values as JSON.

Run with the version of NumPy that is stored in cases.json inside the archive:
    python export_npy.py
"""

import io
import json
import os
import zipfile

import numpy as np

cases, files = [], {}


def case(name, array, version=None):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version, allow_pickle=False)
    files[f"{name}.npy"] = buffer.getvalue()
    # Python's JSON writes the shortest text that reads back as the same double.
    values = [int(v) if array.dtype.kind in "iub" else float(v) for v in array.ravel(order="C")]
    kind = "uint8" if array.dtype == bool else array.dtype.newbyteorder("=").name
    cases.append(dict(file=f"{name}.npy", shape=list(array.shape), dtype=kind, values=values))


for dtype in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]:
    base = (np.arange(24).reshape(2, 3, 4) * 5 - (0 if dtype[0] == "u" else 40)).astype(dtype)
    if dtype[0] == "f":
        base = base / np.array(7, dtype)
    for order in "<>":
        data = base.astype(order + dtype)
        case(f"{dtype}_{'little' if order == '<' else 'big'}", data)
        case(f"{dtype}_{'little' if order == '<' else 'big'}_fortran", np.asfortranarray(data))
case("bool", np.array([[True, False], [False, True]]))
case("version2", np.arange(6, dtype="<u2").reshape(2, 3), (2, 0))
case("version3", np.arange(6, dtype="<f4").reshape(3, 2), (3, 0))
case("scalar", np.array(3.5, dtype="<f4"))
case("vector", np.arange(5, dtype="<i4"))
case("empty", np.zeros((0, 4), dtype="<f4"))
case("five_axes_fortran", np.asfortranarray(np.arange(2 * 3 * 2 * 2 * 3, dtype="<i2").reshape(2, 3, 2, 2, 3)))

files["cases.json"] = json.dumps(dict(numpy=np.__version__, cases=cases)).encode()
target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npy.zip")
with zipfile.ZipFile(target, "w") as archive:
    for name in sorted(files):
        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED, 9)
print(f"{len(cases)} cases, {os.path.getsize(target)} bytes, numpy {np.__version__}")
