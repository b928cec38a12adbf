"""Makes torchvision_ops.json: boxes and regions of maps as torchvision has them.

    pip install torch torchvision
    python torchvision_ops.py > torchvision_ops.json
"""

import json

import torch
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image, nms, remove_small_boxes, roi_align, roi_pool


def boxes(n, side, generator):
    corner = torch.rand(n, 2, generator=generator) * side
    size = torch.rand(n, 2, generator=generator) * side * 0.6 + 0.5
    return torch.cat([corner - size / 3, corner + size], 1)


def flat(tensor):
    return [round(float(x), 6) for x in tensor.flatten()]


def of_boxes(g):
    a, b = boxes(20, 64.0, g), boxes(20, 64.0, g)
    scores, classes = torch.rand(20, generator=g), torch.randint(0, 3, (20,), generator=g)
    scores[5] = scores[7] = 0.99
    deltas = torch.randn(20, 4, generator=g) * 2
    deltas[3, 2] = 40.0
    coded = {}
    for name, weights in (("proposals", (1.0, 1.0, 1.0, 1.0)), ("head", (10.0, 10.0, 5.0, 5.0))):
        coder = BoxCoder(weights)
        decoded = coder.decode(deltas, [a]).reshape(-1, 4)
        coded[name] = {"encoded": flat(coder.encode([b], [a])[0]), "decoded": flat(decoded)}
    clipped = clip_boxes_to_image(a, (40, 50))
    matches = {}
    quality = box_iou(b[:6], a)
    for name, matcher in (("proposals", Matcher(0.3, 0.15, allow_low_quality_matches=True)), ("head", Matcher(0.3, 0.3, allow_low_quality_matches=False))):
        matches[name] = matcher(quality).tolist()
    return {
        "a": flat(a), "b": flat(b), "scores": flat(scores), "classes": classes.tolist(), "deltas": flat(deltas),
        "iou": flat(box_iou(a, b)), "coded": coded, "clipped": flat(clipped), "large": remove_small_boxes(clipped, 12.0).tolist(),
        "nms": nms(a, scores, 0.3).tolist(), "batched_nms": batched_nms(a, scores, classes, 0.3).tolist(), "matches": matches,
    }


def of_maps(g):
    """Maps (N,C,H,W) of PyTorch as (N,H,W,C)."""
    x = torch.randn(2, 3, 9, 7, generator=g, dtype=torch.float64)
    rois = torch.tensor([
        [0, 3.0, 5.0, 40.0, 50.0], [1, -9.0, -3.0, 20.0, 30.0], [0, 10.0, 12.0, 11.0, 12.5], [1, 30.0, 40.0, 90.0, 95.0], [1, 0.0, 0.0, 56.0, 72.0],
    ], dtype=torch.float64)
    cases = []
    for kind, output, ratio, aligned in (
        ("align", (3, 2), 2, False), ("align", (2, 3), 0, False), ("align", (3, 3), 2, True), ("align", (2, 2), 0, True), ("pool", (3, 2), 0, False), ("pool", (7, 7), 0, False),
    ):
        map_ = x.clone().requires_grad_()
        y = roi_align(map_, rois, output, 0.125, ratio, aligned) if kind == "align" else roi_pool(map_, rois, output, 0.125)
        weight = torch.randn(y.shape, generator=g, dtype=torch.float64)
        (y * weight).sum().backward()
        last = lambda t: flat(t.detach().permute(0, 2, 3, 1))
        cases.append({"kind": kind, "output": output, "ratio": ratio, "aligned": aligned, "y": last(y), "weight": last(weight), "gradient": last(map_.grad)})
    return {"shape": [2, 9, 7, 3], "map": flat(x.permute(0, 2, 3, 1)), "scale": 0.125, "rois": flat(rois), "cases": cases}


def main():
    g = torch.Generator().manual_seed(0)
    print(json.dumps({"boxes": of_boxes(g), "maps": of_maps(g)}))


if __name__ == "__main__":
    main()
