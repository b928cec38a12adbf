"""Pictures in the formats that Pillow writes, beside a PNG each with the pixels that it reads of them; and what is read of none.

Needs Pillow and numpy: python make.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

HERE = Path(__file__).parent
y, x = np.mgrid[0:24, 0:24]
rgb = Image.fromarray(np.stack([x * 10, y * 10, (x * y) % 251], -1).astype(np.uint8)).crop((0, 0, 24, 21))
alpha = rgb.copy()
alpha.putalpha(Image.fromarray((255 - x * 9).astype(np.uint8)).crop((0, 0, 24, 21)))
gray, two, inks, palette = rgb.convert("L"), rgb.convert("1"), rgb.convert("CMYK"), rgb.quantize(9)


def show(image):
    """Red, green and blue, on white where it is transparent."""
    if "A" not in image.mode:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def save(name, image, wanted=None, **options):
    image.save(HERE / name, **options)
    if wanted is None:
        with Image.open(HERE / name) as read:
            wanted = show(read)
    wanted.save(HERE / f"{name}.png", optimize=True)


for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
    save(f"rgb_{compression}.tif", rgb, compression=compression)
save("gray.tif", gray)
save("two.tif", two)
save("alpha.tif", alpha)
save("inks.tif", inks)
save("sixteen.tif", Image.fromarray((np.asarray(gray).astype(np.uint16) * 257)), gray.convert("RGB"))
save("pages.tiff", rgb, save_all=True, append_images=[gray.convert("RGB")])
tags = TiffImagePlugin.ImageFileDirectory_v2()
tags[274] = 6
save("turned.tif", rgb, rgb.transpose(Image.Transpose.ROTATE_270), tiffinfo=tags)
save("palette.tif", palette)
save("float.tif", gray.convert("F"))
save("jpeg.tif", rgb, compression="jpeg", quality=90)
save("png.ico", alpha.resize((24, 24)), sizes=[(16, 16), (24, 24)])
save("bmp.ico", alpha.resize((24, 24)), sizes=[(24, 24)], bitmap_format="bmp")
deep, wide = alpha.resize((16, 16)), rgb.resize((32, 32))
save("largest.ico", wide, wide, sizes=[(16, 16), (32, 32)], append_images=[deep], bitmap_format="bmp")
save("rgb.qoi", rgb)
save("alpha.qoi", alpha)
save("rgb.ppm", rgb)
save("gray.pgm", gray)
save("two.pbm", two)
(HERE / "rgb.pam").write_bytes(b"P7\nWIDTH 24\nHEIGHT 21\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + rgb.tobytes())
rgb.save(HERE / "rgb.pam.png", optimize=True)
save("rgb.dib", rgb, format="BMP")
save("film.apng", rgb, format="PNG", save_all=True, append_images=[gray.convert("RGB")])
save("rgb.jfif", rgb, format="JPEG", quality=95, subsampling=0)
(HERE / "plain.pnm").write_text("P3\n# a comment\n3 1\n15\n15 0 0  0 7 0  0 0 15\n")
with Image.open(HERE / "plain.pnm") as read:
    show(read).save(HERE / "plain.pnm.png")
rgb.save(HERE / "refused.avif")

# A color profile and texts of 64 MB, compressed to 64 KB.
texts = PngImagePlugin.PngInfo()
texts.add_text("zTXt", "a" * (1 << 26), zip=True)
texts.add_itxt("iTXt", "a" * (1 << 26), zip=True)
rgb.resize((4, 4)).save(HERE / "profile_bomb.png", icc_profile=bytes(1 << 26))
rgb.resize((4, 4)).save(HERE / "text_bomb.png", pnginfo=texts)
