"""Writes tiff.zip: small GeoTIFFs in every layout that the reader supports, and what GDAL reads back from them.

Run with the versions that are stored in cases.json inside the archive:
    python export_tiff.py
The values are a formula, not a random number generator, so that the archive can be written again anywhere.
"""

import io
import itertools
import json
import os
import tempfile
import warnings
import zipfile

import numpy as np
import rasterio
from rasterio.transform import Affine

warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)

BANDS, HEIGHT, WIDTH = 3, 9, 7
UTM = dict(crs="EPSG:32635", transform=Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 6_000_000.0))


def values(dtype, bands=BANDS, height=HEIGHT, width=WIDTH):
    """Smooth values over the whole range of the type, with its extremes in two corners."""
    n = bands * height * width
    ramp = (np.arange(n, dtype=np.float64) * 37 % n) / (n - 1)
    if np.issubdtype(dtype, np.floating):
        out = ((ramp - 0.3) * 7.25).astype(dtype)
        out[0], out[-1] = np.finfo(dtype).max, np.finfo(dtype).tiny
    else:
        info = np.iinfo(dtype)
        span = int(info.max) - int(info.min)
        out = np.array([int(info.min) + int(r * 1e6) * span // 1_000_000 for r in ramp], dtype=dtype)
        out[0], out[-1] = info.max, info.min
    return out.reshape(bands, height, width)


cases, files = [], {}


def case(name, array, tags=None, exact=True, **profile):
    """Writes one file with GDAL and stores what GDAL reads back."""
    profile = {"driver": "GTiff", "count": array.shape[0], "height": array.shape[1], "width": array.shape[2],
               "dtype": array.dtype.name, **profile}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.tif")
        with rasterio.open(path, "w", **profile) as out:
            out.write(array)
            if tags:
                out.update_tags(**tags)
        with rasterio.open(path) as got:
            read = got.read()
            mask = None
            # A pixel is valid when each of its bands is: finite, and not the no-data value.
            valid = np.isfinite(read).all(axis=0) & (got.read_masks() != 0).all(axis=0)
            if not valid.all():
                mask = "".join("1" if v else "0" for v in valid.ravel())
            georeferenced = got.transform != Affine.identity() or got.crs is not None
            record = dict(
                file=f"{name}.tif",
                shape=list(read.shape),
                dtype=read.dtype.name,
                exact=exact,
                expected=None,
                valid=mask,
                transform=list(got.transform.to_gdal()) if georeferenced else None,
                epsg=got.crs.to_epsg() if got.crs else None,
            )
        with open(path, "rb") as raw:
            files[record["file"]] = raw.read()
    if exact:
        assert np.array_equal(read, array, equal_nan=True), name
    buffer = io.BytesIO()
    np.save(buffer, read)
    expected = buffer.getvalue()
    # Files of one type hold the same values: store them once.
    known = [n for n, b in files.items() if n.endswith(".npy") and b == expected]
    record["expected"] = known[0] if known else f"{name}.npy"
    files.setdefault(record["expected"], expected)
    cases.append(record)


STRIP, TILE = dict(tiled=False, blockysize=5), dict(tiled=True, blockxsize=16, blockysize=16)
COMPRESSIONS = ["none", "lzw", "deflate", "packbits", "zstd"]
INTERLEAVES = ["pixel", "band"]
COMMON = ["uint8", "uint16", "int16", "float32"]
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]

for dtype, compress, (layout, blocks), interleave in itertools.product(
        DTYPES, COMPRESSIONS, [("strip", STRIP), ("tile", TILE)], INTERLEAVES):
    if dtype not in COMMON and compress not in ["none", "deflate"]:
        continue
    case(f"{dtype}_{compress}_{layout}_{interleave}", values(np.dtype(dtype)),
         compress=compress, interleave=interleave, **blocks, **UTM)

for dtype, compress, interleave in itertools.product(
        ["uint8", "uint16", "uint32", "float32", "float64"], ["lzw", "deflate"], INTERLEAVES):
    for predictor in [2, 3] if dtype.startswith("float") else [2]:
        for layout, blocks in [("strip", STRIP), ("tile", TILE)]:
            case(f"{dtype}_{compress}_{layout}_{interleave}_predictor{predictor}", values(np.dtype(dtype)),
                 compress=compress, interleave=interleave, predictor=predictor, **blocks)

u16, f32 = values(np.dtype("uint16")), values(np.dtype("float32"))
case("bigtiff", u16, BIGTIFF="YES", **UTM)
case("big_endian", u16, ENDIANNESS="BIG", compress="deflate", predictor=2, **UTM)
case("big_endian_float", f32, ENDIANNESS="BIG", compress="lzw", predictor=3)
case("one_band", u16[:1])
case("thirteen_bands", values(np.dtype("uint16"), bands=13), interleave="band", **UTM)
case("one_pixel", values(np.dtype("float32"), 1, 1, 2)[:, :, :1])
case("sparse", np.zeros_like(u16), SPARSE_OK="TRUE", compress="deflate", **TILE)
case("mask_of_one_bit", (values(np.dtype("uint8")) % 2)[:1], nbits=1)
case("twelve_bits", values(np.dtype("uint16")) % 4096, nbits=12)
case("plain", u16)

# Coordinates.
case("geographic", u16, crs="EPSG:4326", transform=Affine(1e-4, 0, 12.5, 0, -1e-4, 47.25))
case("rotated", u16, crs="EPSG:32635", transform=Affine(8.0, 6.0, 500_000.0, 6.0, -8.0, 6_000_000.0))
case("pixel_is_point", u16, tags=dict(AREA_OR_POINT="Point"), **UTM)
case("custom_crs", u16, transform=UTM["transform"],
     crs="+proj=laea +lat_0=47 +lon_0=9 +x_0=0 +y_0=0 +ellps=bessel +units=m +no_defs")
case("transform_only", u16, transform=UTM["transform"])

# Missing measurements.
holes = f32.copy()
holes[0, 0, 0], holes[1, 2, 3], holes[2, 8, 6] = 1.5, np.nan, np.inf
case("nan_and_infinity", holes)
holes[0, 5, 5] = -9999
case("nodata_float", holes, nodata=-9999)
inexact = f32.copy()
inexact[0, 0, 0], inexact[1, 4, 4] = 1.5, np.float32(-9999.9)
case("nodata_not_a_float32", inexact, nodata=float(np.float32(-9999.9)))
case("nodata_nan", holes, nodata=float("nan"))
lowest = f32.copy()
lowest[0, 0, 0], lowest[2, 1, 1] = 1.5, np.finfo("float32").min
case("nodata_lowest", lowest, nodata=float(np.finfo("float32").min))
zero = u16.copy()
zero[:, 3, 3], zero[1, 0, 5] = 0, 0
case("nodata_zero", zero, nodata=0)
signed = values(np.dtype("int16"))
case("nodata_int16", signed, nodata=-32768)

# Lossy: GDAL's decoder and ours may round differently.
smooth = (np.indices((HEIGHT, WIDTH)).sum(axis=0)[None] * np.array([3, 5, 7])[:, None, None] + 20).astype("uint8")
case("jpeg_ycbcr", smooth, exact=False, compress="jpeg", photometric="ycbcr", interleave="pixel",
     tiled=True, blockxsize=16, blockysize=16)

about = dict(rasterio=rasterio.__version__, gdal=rasterio.__gdal_version__, numpy=np.__version__, cases=cases)
files["cases.json"] = json.dumps(about, indent=0).encode()
target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiff.zip")
with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for name in sorted(files):
        # A fixed date, so that the archive is the same whenever it is written.
        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED, 9)
print(f"{len(cases)} cases, {os.path.getsize(target)} bytes, rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}")
