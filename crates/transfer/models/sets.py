"""Makes sets.csv beside it: the sets of weights that timm and torchvision publish for the networks here.

    pip install torch torchvision timm
    python sets.py results-imagenet.csv

The argument is timm's file of results, results/results-imagenet.csv of its repository, which no package carries. A figure is that for pictures of the
network's own size where timm has measured there, else for those of the set's own, and `-` where there is none; those of sets that torchvision alone
publishes are torchvision's. Nothing is downloaded.

Left out are sets with more than 1000 classes, under a license that is to be signed, of another activation than the network's, and whose pictures are
squashed to a square.
"""

import csv
import sys
import tomllib
from pathlib import Path

import timm
import torchvision

HERE = Path(__file__).parent
# Where timm has another name than torchvision, and the same names of parameters once they are renamed.
IN_TIMM = {"mobilenet_v2": "mobilenetv2_100"}
# timm has them by names of parameters that are not read here, or as other networks.
TORCHVISIONS = ("alexnet", "squeezenet1_0", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_v2_s")
# These are part of the library.
EMBEDDED = ("squeezenet1_1", "tf_efficientnet_lite0")
LICENSES = {"apache-2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "mit": "MIT", "cc-by-nc-4.0": "CC-BY-NC-4.0", "apple-ascl": "Apple-ASCL"}
FIELDS = ["name", "size", "crop", "interpolation", "mean", "std", "top1", "top5", "classes", "license", "repository", "torchvision"]
TAGS = {"IMAGENET1K_V1": "tv_in1k", "IMAGENET1K_V2": "tv2_in1k"}



def exactly(values):
    return " ".join(repr(float(value)) for value in values)


def timms(network, size, results, files):
    """The rows of what timm publishes for a network of pictures of `size`."""
    name = IN_TIMM.get(network, network)
    if network in TORCHVISIONS or not timm.is_model(name):
        return
    first = timm.models.get_pretrained_cfg(name).tag
    tags = [full.split(".", 1)[1] for full in timm.list_pretrained(f"{name}.*")]
    for tag in sorted(tags, key=lambda tag: (tag != first, tag)):
        config = timm.models.get_pretrained_cfg(f"{name}.{tag}").to_dict()
        squashed = config["crop_mode"] != "center"
        if config["num_classes"] > 1000 or config.get("license") not in LICENSES or squashed or config.get("notes"):
            continue
        own, tested = config["input_size"][-1], config.get("test_input_size", (0,))[-1]
        side, crop = (own, config["crop_pct"]) if own == size or tested != size else (tested, config.get("test_crop_pct") or config["crop_pct"])
        figure = results.get((f"{name}.{tag}", side))
        if figure:
            assert (float(figure["crop_pct"]), figure["interpolation"]) == (crop, config["interpolation"]), (name, tag, figure)
        file = (config.get("url") or "").rsplit("/", 1)[-1]
        yield {
            "name": f"{network}.{tag}", "size": side, "crop": crop, "interpolation": config["interpolation"],
            "mean": exactly(config["mean"]), "std": exactly(config["std"]),
            "top1": figure["top1"] if figure else "-", "top5": figure["top5"] if figure else "-", "classes": config["num_classes"],
            "license": LICENSES[config["license"]], "repository": config["hf_hub_id"], "torchvision": file if file in files else "-",
        }


def torchvisions(network, known, same):
    """The rows of what torchvision publishes and timm does not."""
    try:
        published = torchvision.models.get_model_weights(network)
    except ValueError:
        return
    for weights in published:
        tag, file = TAGS.get(weights.name), weights.url.rsplit("/", 1)[-1]
        if tag is None or file == same or any(row["torchvision"] == file or row["name"] == f"{network}.{tag}" for row in known):
            continue
        prepare, figures = weights.transforms(), weights.meta["_metrics"]["ImageNet-1K"]
        side = prepare.crop_size[0]
        yield {
            "name": f"{network}.{tag}", "size": side, "crop": round(side / prepare.resize_size[0], 4), "interpolation": prepare.interpolation.value,
            "mean": exactly(prepare.mean), "std": exactly(prepare.std), "top1": f"{figures['acc@1']:.3f}", "top5": f"{figures['acc@5']:.3f}",
            "classes": 1000, "license": "BSD-3-Clause", "repository": "-", "torchvision": file,
        }


def main(results):
    with open(results, newline="") as file:
        results = {(row["model"], int(row["img_size"])): row for row in csv.DictReader(file)}
    with open(HERE / "sets.csv", "w", newline="") as out:
        writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
        writer.writeheader()
        for manifest in sorted(HERE.glob("*.toml")):
            about = tomllib.loads(manifest.read_text())
            network, size = about["name"], about["input_size"]
            if network in EMBEDDED:
                continue
            try:
                files = [weights.url.rsplit("/", 1)[-1] for weights in torchvision.models.get_model_weights(network)]
            except ValueError:
                files = []
            rows = list(timms(network, size, results, files))
            # The manifest says of a file of torchvision's that it holds the same as the one on the hub.
            same = about["torchvision"]["file"] if "hub" in about and "torchvision" in about else None
            rows += torchvisions(network, rows, same)
            writer.writerows(rows)


main(sys.argv[1])
