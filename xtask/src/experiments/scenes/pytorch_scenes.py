"""Fine-tunes SqueezeNet 1.1 on the pictures of `cargo xtask experiments scenes` in PyTorch, by the recipe that Taper has there and from the same weights.

    pip install torch torchvision safetensors pillow
    python pytorch_scenes.py labels.csv WEIGHTS.safetensors SEED THREADS EPOCHS

The mean of each channel of the last map and a linear layer; binary cross-entropy; AdamW at 1e-3 for the head and 1e-4 below, a decay of 0.01 of weights
but not of biases, batches of 32, no augmentation. Prints a line of JSON: mAP (the mean of scikit-learn's average precision, computed here), and seconds of
the training.
"""

import csv
import json
import sys
import time
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision import models
from torchvision.transforms.functional import normalize, to_tensor

COLORS = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def average_precision(scores, there):
    order = torch.argsort(scores, descending=True, stable=True)
    hits = there[order].double()
    # Equal scores would have to be taken at once; those of float32 are none.
    return (hits.cumsum(0) / torch.arange(1, len(hits) + 1) * hits).sum().item() / hits.sum().item()


def main(table, weights, seed, threads, epochs):
    torch.set_num_threads(int(threads))
    torch.manual_seed(int(seed))
    table = Path(table)
    rows = list(csv.DictReader(table.open()))
    labels = sorted({label for row in rows for label in row["label"].split(";")})
    sides = {}
    for split in ("train", "val"):
        of = [row for row in rows if row["split"] == split]
        pictures = [normalize(to_tensor(Image.open(table.parent / row["path"]).convert("RGB")), *COLORS) for row in of]
        targets = [[float(label in row["label"].split(";")) for label in labels] for row in of]
        sides[split] = (torch.stack(pictures), torch.tensor(targets))
    network = models.squeezenet1_1(weights=None)
    network.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    network = nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, len(labels)))
    groups = []
    for part, lr in ((network[0], 1e-4), (network[3], 1e-3)):
        decayed = [p for p in part.parameters() if p.dim() > 1]
        rest = [p for p in part.parameters() if p.dim() <= 1]
        groups += [{"params": decayed, "lr": lr, "weight_decay": 0.01}, {"params": rest, "lr": lr, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups)
    pictures, targets = sides["train"]
    begun = time.time()
    for _ in range(int(epochs)):
        network.train()
        for batch in torch.randperm(len(pictures)).split(32):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(network(pictures[batch]), targets[batch]).backward()
            optimizer.step()
    seconds = time.time() - begun
    network.eval()
    pictures, targets = sides["val"]
    with torch.no_grad():
        logits = torch.cat([network(batch) for batch in pictures.split(64)])
    precisions = [average_precision(logits[:, i], targets[:, i]) for i in range(len(labels))]
    print(json.dumps({"map": sum(precisions) / len(precisions), "images": len(pictures), "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
