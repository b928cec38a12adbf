"""JPEGs, and what libjpeg (Pillow) makes of them at a half, a quarter and an eighth of their size.

Needs numpy and Pillow:
    python make.py
Of each JPEG there is a PNG for each of the three: `draft` has libjpeg leave out the high frequencies of each block, then the picture is
turned as EXIF says and its short side shrunk by the bilinear filter to 1/25, 1/13 or 1/7 of the whole one's: less than a third of what libjpeg
gives, and more than a third of what the next smaller scale would. An eighth is a quarter where the chromas are coarser than the luma.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent


def picture(width, height):
    """Smooth colors, a patch with edges, and noise as photographs have it."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([190 - 90 * x / width, 60 + 120 * y / height, 128 + 80 * np.sin((x + 2 * y) / 29)], -1)
    rgb[height // 2 :, width // 2 :] += (20, -40, -30)
    rgb[(x // 40 + y // 40) % 2 == 0] += (25, 25, 25)
    rgb += np.random.default_rng(3).normal(0, 6, rgb.shape)
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def save(name, image, coarse=False, **settings):
    path = HERE / f"{name}.jpg"
    image.save(path, quality=85, **settings)
    for eighths, part in ((1, 25), (2, 13), (4, 7)):
        scaled = Image.open(path)
        whole = min(scaled.size)
        drafted = max(eighths, 2) if coarse else eighths
        scaled.draft(None, (scaled.width * drafted // 8, scaled.height * drafted // 8))
        scaled.load()
        assert min(scaled.size) == -(-whole * drafted // 8), (name, scaled.size)
        scaled = ImageOps.exif_transpose(scaled).convert("RGB")
        short, wanted = min(scaled.size), whole // part
        full = Image.open(path)
        full = ImageOps.exif_transpose(full).size
        size = tuple(wanted * side // whole for side in full)
        scaled.resize(size, Image.BILINEAR).save(HERE / f"{name}.{eighths}.png", optimize=True)


photo = picture(481, 363)
save("420", photo, True, subsampling="4:2:0")
save("422", photo, True, subsampling="4:2:2")
save("444", photo, subsampling="4:4:4")
save("progressive", photo, True, progressive=True)
save("gray", photo.convert("L"))
save("cmyk", photo.convert("CMYK"))
turned = Image.Exif()
turned[0x0112] = 6
save("turned", photo, True, exif=turned)
save("tall", picture(331, 512), True, restart_marker_blocks=5)
