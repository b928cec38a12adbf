"""JPEGs of every sampling, written by libjpeg-turbo, and what libjpeg (Pillow) reads of them.

Needs cjpeg and libturbojpeg (Debian: libjpeg-turbo-progs), numpy and Pillow:
    python make.py [folder of cjpeg] [libturbojpeg.so.0]
Of each sampling there is one PNG with the pixels that libjpeg reads, and a JPEG for each way of laying the same coefficients down:
`together` is one scan, `apart` one for each component, `pair` one of luma and one of both chromas; `progressive`, with DC in one scan
or, as `progressive_apart`, in one for each component; each also with restart markers. The PNGs hold for all of a sampling.
"""

import ctypes
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
CJPEG = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/bin") / "cjpeg"
TURBO = sys.argv[2] if len(sys.argv) > 2 else "libturbojpeg.so.0"

CHROMA_1 = [f"{h}x{v},1x1,1x1" for h in (1, 2, 3, 4) for v in (1, 2, 3, 4)]
UNUSUAL = [
    "1x1,2x2,2x2", "1x1,2x1,1x2", "2x2,2x2,1x1", "2x2,1x2,2x1", "2x2,2x1,2x1", "2x2,1x1,2x2",
    "4x1,2x1,1x1", "1x2,1x1,1x2", "2x1,1x1,2x1", "2x2,2x2,2x2", "4x2,2x1,2x2", "1x1,1x1,2x2", "2x4,1x2,1x1",
]
APART = "0;\n1;\n2;\n"
PAIR = "0;\n1 2;\n"
AC = "".join(f"{c}: 1-5, 0, 2;\n{c}: 6-63, 0, 2;\n{c}: 1-63, 2, 1;\n{c}: 1-63, 1, 0;\n" for c in (0, 1, 2))
DC_APART = "".join(f"{c}: 0-0, 0, 1;\n" for c in (0, 1, 2)) + "".join(f"{c}: 0-0, 1, 0;\n" for c in (0, 1, 2))
DC_TOGETHER = "0 1 2: 0-0, 0, 1;\n0 1 2: 0-0, 1, 0;\n"


def picture(width, height):
    """Smooth colors that differ in every channel and corner, and a patch with edges."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([210 - 90 * x / width, 60 + 120 * y / height, 128 + 90 * np.sin((x + 2 * y) / 19)], -1)
    rgb[height // 2 :, width // 2 :] += (20, -40, -30)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def jpeg(rgb, *arguments, scans=None):
    with tempfile.TemporaryDirectory() as folder:
        ppm = Path(folder) / "in.ppm"
        Image.fromarray(rgb).save(ppm)
        if scans is not None:
            (Path(folder) / "scans").write_text(scans)
            arguments = [*arguments, "-scans", str(Path(folder) / "scans")]
        run = subprocess.run([CJPEG, "-quality", "90", "-dct", "int", *arguments, ppm], capture_output=True)
        return run.stdout if run.returncode == 0 else None


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def write(sampling, number):
    rgb = picture(33 + 7 * number % 29, 25 + 5 * number % 23)
    variants = {"apart": jpeg(rgb, "-sample", sampling, scans=APART)}
    wanted = pixels(variants["apart"])
    for name, scans in [("together", None), ("pair", PAIR), ("progressive", DC_TOGETHER + AC), ("progressive_apart", DC_APART + AC)]:
        variants[name] = jpeg(rgb, "-sample", sampling, scans=scans)
    for name, scans in [("together_restart", None), ("apart_restart", APART), ("progressive_restart", DC_APART + AC)]:
        restart = ["1B", "1", "2B", "3B"][number % 4]
        variants[name] = jpeg(rgb, "-sample", sampling, "-restart", restart, scans=scans)
    stem = sampling.replace(",", "-")
    Image.fromarray(wanted).save(HERE / f"{stem}.png", optimize=True)
    for name, content in variants.items():
        # More than ten blocks in a unit cannot be laid down together.
        if content is not None:
            assert np.array_equal(pixels(content), wanted), (sampling, name)
            (HERE / f"{stem}.{name}.jpg").write_bytes(content)


def save(name, content):
    (HERE / f"{name}.jpg").write_bytes(content)
    Image.fromarray(pixels(content)).save(HERE / f"{name.split('.')[0]}.png", optimize=True)


def ycck(cmyk, subsampling):
    """Four components, as print shops have them: Y, Cb, Cr and K, of which Cb and Cr are sampled as said."""
    turbo = ctypes.CDLL(TURBO)
    turbo.tjInitCompress.restype = ctypes.c_void_p
    handle, out, size = ctypes.c_void_p(turbo.tjInitCompress()), ctypes.c_void_p(), ctypes.c_ulong()
    height, width, _ = cmyk.shape
    said = turbo.tjCompress2(
        handle, cmyk.ctypes.data_as(ctypes.c_void_p), width, 4 * width, height, 11,
        ctypes.byref(out), ctypes.byref(size), subsampling, 90, 0,
    )
    assert said == 0
    return ctypes.string_at(out, size.value)


def segments(content):
    """What lies before the scan: markers, their bytes, and the rest."""
    at, found = 2, []
    while content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        found.append((content[at + 1], content[at : at + 2 + length]))
        at += 2 + length
    return found, content[at:]


def marked(content, adobe=None, jfif=False, names=b"\1\2\3"):
    """The same picture with other marks of what its components are."""
    found, rest = segments(content)
    kept = b"".join(bytes for marker, bytes in found if marker not in (0xE0, 0xEE, 0xC0))
    frame = bytearray(next(bytes for marker, bytes in found if marker == 0xC0))
    rest = bytearray(rest)
    for number, name in enumerate(names):
        frame[10 + 3 * number] = name
        rest[5 + 2 * number] = name
    marks = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" if jfif else b""
    if adobe is not None:
        marks += b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([adobe])
    return content[:2] + marks + kept + bytes(frame) + bytes(rest)


for number, sampling in enumerate(CHROMA_1 + UNUSUAL):
    write(sampling, number)
rgb = picture(45, 38)
for sampling in ("1x1", "2x2", "1x2", "3x2"):
    save(f"gray_{sampling}.together", jpeg(rgb, "-grayscale", "-sample", sampling))
    save(f"gray_{sampling}.progressive", jpeg(rgb, "-grayscale", "-progressive", "-sample", sampling))
for sampling in ("1x1", "2x2"):
    for name, scans in [("together", None), ("apart", APART), ("progressive", DC_TOGETHER + AC)]:
        save(f"rgb_{sampling}.{name}", jpeg(rgb, "-rgb", "-sample", f"{sampling},1x1,1x1", scans=scans))
cmyk = np.ascontiguousarray(np.concatenate([rgb, 255 - rgb[..., :1] // 2], -1))
for number, name in [(0, "1x1"), (1, "2x1"), (2, "2x2"), (4, "1x2"), (5, "4x1")]:
    save(f"ycck_{name}.together", ycck(cmyk, number))
for adobe in (None, 0, 1):
    for jfif in (False, True):
        for names, called in [(b"\1\2\3", "123"), (b"RGB", "rgb"), (b"\0\1\2", "012"), (b"\7\xc8\3", "odd")]:
            content = marked(jpeg(rgb, "-sample", "2x1"), adobe, jfif, names)
            save(f"marks_{adobe}_{'jfif' if jfif else 'none'}_{called}.together", content)
inks = ycck(cmyk, 0)
save("marks_inks_none.together", marked(inks, names=b"\1\2\3\4"))
save("marks_inks_0.together", marked(inks, 0, names=b"\1\2\3\4"))
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "scans").write_text("0;\n1;\n2;\n3;\n")
    for name in ("ycck_1x1", "ycck_2x2", "marks_inks_0"):
        arguments = [CJPEG.with_name("jpegtran"), "-copy", "all", "-scans", f"{folder}/scans", HERE / f"{name}.together.jpg"]
        content = subprocess.run(arguments, capture_output=True, check=True).stdout
        assert np.array_equal(pixels(content), pixels((HERE / f"{name}.together.jpg").read_bytes()))
        (HERE / f"{name}.apart.jpg").write_bytes(content)
save("arithmetic.together", jpeg(rgb, "-arithmetic"))
(HERE / "arithmetic.png").unlink()
