"""Trains torchvision's Faster R-CNN on the scenes of `cargo xtask scenes`, as `taper detect train` does, and prints a line of JSON.

    pip install torch torchvision pycocotools
    python pytorch_detect.py SCENES squeezenet1_1.safetensors [SEED THREADS EPOCHS SHORT]

SqueezeNet 1.1 from the same weights, one map at its last stage, the first two stages frozen, two layers of 256 in the head, 128 regions a picture; AdamW with
cosine to 0 after 5 % of warm-up, batches of 4, flips and scale jitter. What torchvision has no setting for stays its own: where anchors and regions lie.
"""

import contextlib
import io
import json
import math
import random
import struct
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import nn
from torchvision.models import squeezenet1_1
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign


def weights_of(path):
    """The tensors of a safetensors file, float32 or float16."""
    bytes_ = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", bytes_[:8])
    header, types = json.loads(bytes_[8 : 8 + length]), {"F32": np.float32, "F16": np.float16}
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            values = np.frombuffer(bytes_[8 + length + begin : 8 + length + end], types[about["dtype"]])
            tensors[name] = torch.from_numpy(values.astype(np.float32).reshape(about["shape"]))
    return tensors


def network(weights, short, classes):
    backbone = squeezenet1_1(weights=None).features
    tensors = {name.removeprefix("features."): tensor for name, tensor in weights_of(weights).items() if name.startswith("features.")}
    backbone.load_state_dict(tensors)
    backbone.out_channels = 512
    for part in backbone[:5]:
        part.requires_grad_(False)
    anchors = AnchorGenerator(((16, 32, 64, 128),), ((0.5, 1.0, 2.0),))
    pool = MultiScaleRoIAlign(["0"], 7, 2)
    net = FasterRCNN(
        backbone, rpn_anchor_generator=anchors, box_roi_pool=pool, box_head=TwoMLPHead(512 * 49, 256), box_predictor=FastRCNNPredictor(256, classes + 1),
        min_size=short, max_size=short * 5 // 3, box_batch_size_per_image=128, rpn_post_nms_top_n_test=300,
    )
    return net


def picture(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255


def changed(image, boxes, rng):
    """A flip with probability 1/2 and a size from 0.8 to 1.25 of what it was, cut where it is larger."""
    _, height, width = image.shape
    factor = math.exp(rng.uniform(math.log(0.8), math.log(1.25)))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    image = nn.functional.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
    boxes = boxes * torch.tensor([size[1] / width, size[0] / height] * 2)
    rows, columns = min(height, size[0]), min(width, size[1])
    top, left = rng.randint(0, size[0] - rows), rng.randint(0, size[1] - columns)
    image = image[:, top : top + rows, left : left + columns]
    before = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    boxes = boxes - torch.tensor([left, top, left, top])
    boxes = torch.stack([boxes[:, 0].clamp(0, columns), boxes[:, 1].clamp(0, rows), boxes[:, 2].clamp(0, columns), boxes[:, 3].clamp(0, rows)], 1)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = (area >= 0.25 * before) & (area > 0)
    if rng.random() < 0.5:
        image = image.flip(-1)
        boxes = torch.stack([columns - boxes[:, 2], boxes[:, 1], columns - boxes[:, 0], boxes[:, 3]], 1)
    return image, boxes, kept


def trained(net, coco, folder, epochs, seed):
    ids, rng = sorted(coco.imgs), random.Random(seed)
    params = [
        {"params": [p for name, p in net.named_parameters() if p.requires_grad and name.startswith("backbone")], "lr": 1e-4},
        {"params": [p for name, p in net.named_parameters() if p.requires_grad and not name.startswith("backbone")], "lr": 5e-4},
    ]
    optimizer = torch.optim.AdamW(params, weight_decay=1e-4)
    per_epoch = math.ceil(len(ids) / 4)
    steps, warm = per_epoch * epochs, max(1, int(per_epoch * epochs * 0.05))
    course = lambda step: 0.1 + 0.9 * step / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, course)
    net.train()
    for epoch in range(epochs):
        rng.shuffle(ids)
        total = 0.0
        for begin in range(0, len(ids), 4):
            images, targets = [], []
            for number in ids[begin : begin + 4]:
                objects = coco.loadAnns(coco.getAnnIds(number))
                boxes = torch.tensor([o["bbox"] for o in objects], dtype=torch.float32).reshape(-1, 4)
                boxes[:, 2:] += boxes[:, :2]
                image, boxes, kept = changed(picture(folder / coco.imgs[number]["file_name"]), boxes, rng)
                labels = torch.tensor([o["category_id"] for o in objects], dtype=torch.int64)
                images.append(image)
                targets.append({"boxes": boxes[kept], "labels": labels[kept]})
            loss = sum(net(images, targets).values())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([p for group in params for p in group["params"]], 10.0)
            optimizer.step()
            schedule.step()
            total += float(loss)
        print(f"epoch {epoch + 1}/{epochs} loss {total / per_epoch:.3f}", file=sys.stderr)


@torch.no_grad()
def measured(net, coco, folder):
    net.eval()
    results = []
    for number in sorted(coco.imgs):
        found = net([picture(folder / coco.imgs[number]["file_name"])])[0]
        for box, label, score in zip(found["boxes"].tolist(), found["labels"].tolist(), found["scores"].tolist()):
            results.append({"image_id": number, "category_id": label, "score": score, "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]})
    judge = COCOeval(coco, coco.loadRes(results), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return [float(x) for x in judge.stats[:6]]


def main(scenes, weights, seed=0, threads=2, epochs=12, short=192):
    torch.manual_seed(int(seed))
    torch.set_num_threads(int(threads))
    scenes = Path(scenes)
    with contextlib.redirect_stdout(io.StringIO()):
        train, val = COCO(scenes / "train.json"), COCO(scenes / "val.json")
        net = network(weights, int(short), len(train.cats))
        start = time.time()
        trained(net, train, scenes / "train", int(epochs), int(seed))
        seconds = time.time() - start
        ap, ap50, ap75, *sizes = measured(net, val, scenes / "val")
    print(json.dumps({"ap": ap, "ap50": ap50, "ap75": ap75, "sizes": sizes, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
