"""The other side of `cargo xtask bench augment --each`: one library, one thread, transforms by name.

    echo flip | python augment_each.py --config v2 --pictures FOLDER --size 224

Reads the name of a transform from each line of its input and answers with a line of JSON: how many pictures a second
go through it, once through all of them and again until 50 ms have passed. xtask/src/bench/each.rs, which starts this
script for each library, asks them in turns. A transform that a library does not have is answered with null. The
settings are those of xtask/src/bench/each.rs; where a library has none of the same meaning, its nearest or its own.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
from PIL import Image

AT_LEAST = 0.05  # seconds


def albumentations(size):
    """AlbumentationsX on arrays of bytes."""
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    blur = dict(blur_range=(0, 0), sigma_range=(0.1, 2.0), p=1)
    noise = dict(std_range=(8 / 255, 8 / 255), per_channel=True, p=1)
    jpeg = dict(quality_range=(30, 95), p=1)
    elastic = dict(displacement_range=(0.02, 0.05), p=1)
    # Its scale is a standard deviation; the mean of corners' ways inwards is that of 0.3 of half a side.
    perspective = dict(scale=(0.075, 0.075), p=1)
    jitter = dict(brightness_range=(0.6, 1.4), contrast_range=(0.6, 1.4), saturation_range=(0.6, 1.4))
    affine = dict(rotate=(-15, 15), scale=(0.9, 1.1), translate_percent=(-0.1, 0.1), shear=(-10, 10), p=1)
    default = [
        *(A.SmallestMaxSize(max_size=size), A.CenterCrop(size, size), A.HorizontalFlip(p=0.5)),
        A.OneOf([A.Perspective(**perspective), A.OpticalDistortion(p=1), A.ElasticTransform(**elastic)], p=1),
        A.OneOf([A.Sharpen(p=1), A.GaussianBlur(**blur), A.GaussNoise(**noise), A.ImageCompression(**jpeg)], p=1),
    ]
    steps = {
        # Averages over what a pixel covers, as the others do.
        "random_resized_crop": lambda: [A.RandomResizedCrop((size, size), area_for_downscale="image")],
        "flip": lambda: [A.HorizontalFlip(p=1)],
        "rotate": lambda: [A.Rotate(angle_range=(-30, 30), p=1)],
        "affine": lambda: [A.Affine(**affine)],
        "perspective": lambda: [A.Perspective(**perspective)],
        "elastic": lambda: [A.ElasticTransform(**elastic)],
        "color_jitter": lambda: [A.ColorJitter(**jitter, hue_range=(-0.1, 0.1), p=1)],
        "gaussian_blur": lambda: [A.GaussianBlur(**blur)],
        "jpeg": lambda: [A.ImageCompression(**jpeg)],
        "noise": lambda: [A.GaussNoise(**noise)],
        "pca_lighting": lambda: [A.FancyPCA(alpha=0.1, p=1)],
        "default_list": lambda: default,
    }

    def transform(name):
        compose = A.Compose(steps[name]())
        return lambda picture: compose(image=picture)["image"]

    return np.array, {name: lambda name=name: transform(name) for name in steps}, f"AlbumentationsX {A.__version__}"


def torchvision_v2(size, pictures):
    """torchvision's v2 on tensors of bytes, or on pictures of PIL."""
    import torch
    import torchvision
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    bilinear = v2.InterpolationMode.BILINEAR

    def noise():
        # Of tensors alone.
        add = v2.GaussianNoise(sigma=8 / 255)
        return v2.Compose([v2.PILToTensor(), add, v2.ToPILImage()]) if pictures == "pil" else add

    def blur():
        return v2.GaussianBlur(13, sigma=(0.1, 2.0))  # as many pixels as three times the largest sigma reach

    def elastic():
        return v2.ElasticTransform(alpha=50.0, sigma=5.0)

    def perspective():
        return v2.RandomPerspective(0.3, p=1, interpolation=bilinear)

    def sharpness():
        return v2.RandomChoice([v2.RandomAdjustSharpness(factor, p=1) for factor in np.linspace(0, 2, 9)])

    def default():
        cut = [v2.Resize(size, antialias=True), v2.CenterCrop(size), v2.RandomHorizontalFlip()]
        warp = v2.RandomChoice([perspective(), elastic()])  # it has no lens
        camera = v2.RandomChoice([sharpness(), blur(), noise(), v2.JPEG((30, 95))])
        return v2.Compose([*cut, warp, camera])

    transforms = {
        "random_resized_crop": lambda: v2.RandomResizedCrop(size, antialias=True),
        "flip": lambda: v2.RandomHorizontalFlip(p=1),
        "rotate": lambda: v2.RandomRotation(30, interpolation=bilinear),
        "affine": lambda: v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), (-10, 10), interpolation=bilinear),
        "perspective": perspective,
        "elastic": elastic,
        "color_jitter": lambda: v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
        "gaussian_blur": blur,
        "jpeg": lambda: v2.JPEG((30, 95)),
        "noise": noise,
        "rand_augment": lambda: v2.RandAugment(num_ops=2, magnitude=9, interpolation=bilinear),
        "default_list": default,
    }
    if pictures == "pil":
        # Of tensors alone.
        transforms.pop("jpeg"), transforms.pop("default_list")
        return (lambda picture: picture), transforms, f"torchvision {torchvision.__version__}"
    prepare = lambda picture: torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
    return prepare, transforms, f"torchvision {torchvision.__version__}"


def rate(transform, pictures):
    start, passes = time.perf_counter(), 0
    while passes == 0 or time.perf_counter() - start < AT_LEAST:
        for picture in pictures:
            transform(picture)
        passes += 1
    return passes * len(pictures) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, choices=("albumentations", "v2", "pil"))
    parser.add_argument("--pictures", required=True, help="a folder of JPEGs")
    parser.add_argument("--size", type=int, required=True, help="the side of what is cropped")
    args = parser.parse_args()
    if args.config == "albumentations":
        prepare, transforms, version = albumentations(args.size)
    else:
        prepare, transforms, version = torchvision_v2(args.size, args.config)
    files = sorted(pathlib.Path(args.pictures).iterdir())
    pictures = [prepare(Image.open(file).convert("RGB")) for file in files]
    print(json.dumps({"version": version}), flush=True)
    built = {}
    for name in map(str.strip, sys.stdin):
        if name in transforms and name not in built:
            built[name] = transforms[name]()
            built[name](pictures[0])
        measured = rate(built[name], pictures) if name in built else None
        print(json.dumps({"per_second": measured}), flush=True)


if __name__ == "__main__":
    main()
