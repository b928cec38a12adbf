"""Makes the pictures of `cargo xtask experiments scenes`: two or three emoji of different kinds on a background, and a table that says which.

    pip install pillow
    python scenes.py REPOSITORY OUT [TRAIN VAL]

The emoji are those of tests/data/emoji, those of its train to train on and those of its val to validate on, so that no drawing is in both. A kind is a
label; labels.csv has a row for each picture: path, label (kinds with semicolons between them) and split. The same Pillow gives the same pictures.
"""

import random
import sys
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

SIDE = 128


def scene(rng, drawings, kinds):
    """A picture with an emoji of each of these kinds, from dark to bright backgrounds, a few of them overlapping."""
    top, bottom = ([rng.randrange(40, 250) for _ in range(3)] for _ in range(2))
    picture = Image.new("RGB", (SIDE, SIDE))
    draw = ImageDraw.Draw(picture)
    for y in range(SIDE):
        share = y / (SIDE - 1)
        draw.line([(0, y), (SIDE, y)], fill=tuple(round(a + share * (b - a)) for a, b in zip(top, bottom)))
    for _ in range(rng.randrange(4)):
        x, y, r = rng.randrange(SIDE), rng.randrange(SIDE), rng.randrange(5, 25)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=tuple(rng.randrange(256) for _ in range(3)))
    for kind in kinds:
        side = rng.randrange(36, 64)
        emoji = Image.open(rng.choice(drawings[kind])).convert("RGBA").resize((side, side), Image.Resampling.BILINEAR)
        # The drawings lie on white.
        red, green, blue, _ = emoji.split()
        mask = ImageChops.darker(ImageChops.darker(red, green), blue).point(lambda least: 0 if least > 245 else 255)
        picture.paste(emoji, (rng.randrange(SIDE - side), rng.randrange(SIDE - side)), mask)
    return picture


def main(root, out, train=600, val=300):
    out, rows = Path(out), ["path,label,split"]
    for split, count in (("train", int(train)), ("val", int(val))):
        folders = sorted(path for path in (Path(root) / "tests/data/emoji" / split).iterdir() if path.is_dir())
        drawings = {folder.name: sorted(folder.glob("*.png")) for folder in folders}
        rng = random.Random(f"scenes {split}")
        (out / split).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            kinds = rng.sample(sorted(drawings), rng.choice([2, 3]))
            path = f"{split}/{i:04}.png"
            scene(rng, drawings, kinds).save(out / path)
            rows.append(f"{path},{';'.join(sorted(kinds))},{split}")
    # Last, so that a call that was broken off is known.
    (out / "labels.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
