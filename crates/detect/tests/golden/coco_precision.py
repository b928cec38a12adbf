"""Makes coco_precision.json: average precision of random detections as pycocotools computes it.

    pip install pycocotools numpy
    python coco_precision.py > coco_precision.json
"""

import contextlib
import io
import json
import random
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def case(seed, pictures, classes):
    """Boxes on a grid of quarters of a pixel, which float32 holds exactly; detections are moved objects and inventions."""
    rng = random.Random(seed)
    quarter = lambda low, high: round(rng.uniform(low, high) * 4) / 4
    truth, found = [], []
    for picture in range(pictures):
        for _ in range(rng.randrange(6)):
            side = rng.choice([16, 40, 120])
            box = [quarter(0, 300), quarter(0, 300), quarter(side * 0.6, side * 1.6), quarter(side * 0.6, side * 1.6)]
            kind, crowd = rng.randrange(classes), int(rng.random() < 0.15)
            truth.append({"picture": picture, "class": kind, "box": box, "crowd": crowd})
            for _ in range(rng.randrange(3)):
                moved = [max(0.25, value + rng.uniform(-0.15, 0.15) * side) for value in box]
                moved = [round(value * 4) / 4 for value in moved]
                other = kind if rng.random() < 0.85 else rng.randrange(classes)
                found.append({"picture": picture, "class": other, "box": moved, "score": rng.randrange(1, 33) / 32})
        for _ in range(rng.randrange(4)):
            box = [quarter(0, 300), quarter(0, 300), quarter(4, 200), quarter(4, 200)]
            found.append({"picture": picture, "class": rng.randrange(classes), "box": box, "score": rng.randrange(1, 33) / 32})
    return truth, found


def judged(truth, found, pictures, classes):
    coco = COCO()
    coco.dataset = {
        "images": [{"id": i + 1} for i in range(pictures)],
        "categories": [{"id": i + 1} for i in range(classes)],
        "annotations": [
            {"id": i + 1, "image_id": t["picture"] + 1, "category_id": t["class"] + 1, "bbox": t["box"], "area": t["box"][2] * t["box"][3], "iscrowd": t["crowd"]}
            for i, t in enumerate(truth)
        ],
    }
    coco.createIndex()
    results = coco.loadRes([{"image_id": f["picture"] + 1, "category_id": f["class"] + 1, "bbox": f["box"], "score": f["score"]} for f in found])
    judge = COCOeval(coco, results, "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    precision = judge.eval["precision"]  # thresholds, recalls, classes, areas, most
    of = lambda k: [float(x) for x in precision[:, :, k, 0, 2].flatten()]
    mean = lambda values: sum(values) / len(values) if values and max(values) >= 0 else None
    return [float(x) for x in judge.stats], [mean(of(k)) if max(of(k)) > -1 else None for k in range(classes)]


def main():
    cases = []
    for seed, pictures, classes in ((1, 12, 3), (2, 25, 2), (3, 8, 5), (4, 1, 1), (5, 40, 4)):
        truth, found = case(seed, pictures, classes)
        with contextlib.redirect_stdout(io.StringIO()):
            stats, each = judged(truth, found, pictures, classes)
        cases.append({"pictures": pictures, "classes": classes, "truth": truth, "found": found, "stats": stats, "each": each})
    json.dump(cases, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
