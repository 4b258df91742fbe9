"""Writes the golden of the spectral indices of crate `deflect`: their values by the Python package spyndex on literal reflectances.

Run from anywhere:  python assets/golden/deflect/export_indices.py
Made with spyndex 0.12.0 and numpy (the versions used are recorded in the file). The names are read from the crate's table, so
that every index there is compared; those that spyndex does not have are listed under `not_in_spyndex`.

Layout of indices.json: `bands` role -> values, `centres` role -> nanometres, `values` index -> values, one per pixel.
"""

import json
import pathlib
import re

import numpy
import spyndex

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parents[2] / "crates/deflect/src/indices.rs"

# Centre wavelengths of Sentinel-2, nanometres.
CENTRES = dict(A=443, B=492, G=560, R=665, RE1=704, RE2=740, RE3=783, N=833, N2=865, WV=945, S1=1614, S2=2202)
# Reflectances of leaves, dry soil, clear water, snow, charcoal and concrete, roughly; kelvin for the thermal bands.
PIXELS = dict(
    A=[0.021, 0.081, 0.043, 0.81, 0.031, 0.142],
    B=[0.032, 0.105, 0.061, 0.86, 0.036, 0.171],
    G=[0.074, 0.162, 0.055, 0.88, 0.043, 0.215],
    R=[0.036, 0.231, 0.032, 0.87, 0.051, 0.248],
    RE1=[0.112, 0.254, 0.028, 0.85, 0.058, 0.257],
    RE2=[0.301, 0.273, 0.024, 0.83, 0.064, 0.264],
    RE3=[0.384, 0.288, 0.022, 0.81, 0.071, 0.271],
    N=[0.412, 0.302, 0.018, 0.79, 0.078, 0.283],
    N2=[0.431, 0.311, 0.016, 0.76, 0.083, 0.289],
    WV=[0.402, 0.305, 0.012, 0.62, 0.081, 0.276],
    S1=[0.193, 0.385, 0.009, 0.09, 0.132, 0.312],
    S2=[0.087, 0.341, 0.006, 0.07, 0.148, 0.287],
    T=[295.0, 308.0, 288.0, 265.0, 311.0, 305.0],
    T1=[294.0, 307.5, 287.5, 264.0, 310.0, 304.0],
    T2=[293.5, 306.0, 287.0, 263.5, 308.5, 302.5],
)


def main() -> None:
    names = re.findall(r'^    index\("(\w+)"', TABLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    params = {role: numpy.array(values) for role, values in PIXELS.items()}
    params |= {f"lambda{role}": float(centre) for role, centre in CENTRES.items()}
    params |= {name: constant.default for name, constant in spyndex.constants.items() if constant.default is not None}
    known = [name for name in names if name in spyndex.indices]
    golden = dict(
        versions=dict(spyndex=spyndex.__version__, numpy=numpy.__version__),
        bands=PIXELS,
        centres=CENTRES,
        values={name: numpy.asarray(spyndex.computeIndex(name, params=params)).tolist() for name in known},
        not_in_spyndex=[name for name in names if name not in spyndex.indices],
    )
    (HERE / "indices.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    print(len(known), "indices; not in spyndex:", golden["not_in_spyndex"])


if __name__ == "__main__":
    main()
