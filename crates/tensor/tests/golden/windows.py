"""Makes windows.json beside it: what moves a window over a map, by PyTorch in float64 on normal numbers of three decimals.

python windows.py, with torch installed. Maps are (N,C,H,W) and rows (N,C,L), as PyTorch has them.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

# The settings of a case, as the test reads them: numbers, or a number for each axis.
CASES = {
    "conv1d_plain": ([(2, 3, 7), (4, 3, 3), (4,)], F.conv1d, {"stride": 2, "padding": 1, "dilation": 1, "groups": 1}),
    "conv1d_groups": ([(1, 4, 9), (6, 2, 2), (6,)], F.conv1d, {"stride": 1, "padding": 2, "dilation": 3, "groups": 2}),
    "per_axis_row": (
        [(1, 2, 6, 7), (3, 2, 3, 2), (3,)], F.conv2d, {"stride": [2, 1], "padding": [1, 0], "dilation": 1, "groups": 1},
    ),
    "per_axis_both": (
        [(2, 2, 7, 8), (4, 1, 2, 3), (4,)], F.conv2d, {"stride": [2, 3], "padding": [0, 2], "dilation": 2, "groups": 2},
    ),
    "transpose_double": (
        [(1, 3, 3, 4), (3, 2, 3, 3), (2,)], F.conv_transpose2d,
        {"stride": 2, "padding": 1, "output_padding": 1, "dilation": 1, "groups": 1},
    ),
    "transpose_groups": (
        [(1, 4, 2, 2), (4, 3, 2, 3), (6,)], F.conv_transpose2d,
        {"stride": 3, "padding": 0, "output_padding": 2, "dilation": 2, "groups": 2},
    ),
    # More rows below than the stride has.
    "transpose_dilated": (
        [(1, 2, 3, 2), (2, 2, 2, 2), (2,)], F.conv_transpose2d,
        {"stride": 1, "padding": 1, "output_padding": 2, "dilation": 3, "groups": 1},
    ),
    "avg_pool_pad": (
        [(1, 2, 5, 6)], F.avg_pool2d, {"kernel_size": [3, 2], "stride": [2, 1], "padding": [1, 1], "count_include_pad": True},
    ),
    "avg_pool_map": (
        [(1, 2, 5, 6)], F.avg_pool2d, {"kernel_size": [3, 2], "stride": [1, 3], "padding": [1, 0], "count_include_pad": False},
    ),
    "adaptive_max_down": ([(1, 2, 7, 5)], F.adaptive_max_pool2d, {"output_size": [3, 2]}),
    "adaptive_max_up": ([(1, 2, 3, 2)], F.adaptive_max_pool2d, {"output_size": [4, 5]}),
    "resize_up": ([(1, 2, 3, 4)], F.interpolate, {"size": [7, 6], "mode": "bilinear"}),
    "resize_down": ([(1, 2, 8, 7)], F.interpolate, {"size": [3, 2], "mode": "bilinear"}),
}


def normal(shape):
    return torch.randn(shape, dtype=torch.float64).round(decimals=3)


def main():
    torch.manual_seed(0)
    values = {}
    for name, (shapes, f, settings) in CASES.items():
        inputs = [normal(shape).requires_grad_() for shape in shapes]
        y = f(*inputs, **settings)
        grad = normal(y.shape)
        y.backward(grad)
        numbers = lambda t: {"shape": list(t.shape), "values": t.detach().flatten().tolist()}
        values[name] = {
            "settings": settings, "inputs": [numbers(x) for x in inputs], "output": numbers(y),
            "grad_output": numbers(grad), "gradients": [numbers(x.grad) for x in inputs],
        }
    Path(__file__).with_name("windows.json").write_text(json.dumps(values) + "\n")


main()
