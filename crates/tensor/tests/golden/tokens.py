"""Makes tokens.json beside it: what transformers are made of, by PyTorch in float64 on normal numbers.

python tokens.py, with torch installed.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F


def split(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attention(q, k, v, heads=2, scale=0.4):
    y = F.scaled_dot_product_attention(split(q, heads), split(k, heads), split(v, heads), scale=scale)
    return y.transpose(1, 2).flatten(2)


CASES = {
    "softmax": ([(2, 3, 5)], lambda x: F.softmax(x, -1)),
    "rms_norm": ([(2, 3, 5), (5,)], lambda x, weight: F.rms_norm(x, (5,), weight, 1e-5)),
    "attention": ([(2, 3, 6), (2, 5, 6), (2, 5, 6)], attention),
    "self_attention": ([(2, 4, 18)], lambda qkv: attention(*qkv.chunk(3, -1))),
    "linear_activate": ([(2, 3, 4), (5, 4), (5,)], lambda x, w, b: F.gelu(F.linear(x, w, b))),
    "linear_add": (
        [(2, 3, 4), (5, 4), (5,), (5,), (2, 3, 5)],
        lambda x, w, b, scale, residual: residual + scale * F.linear(x, w, b),
    ),
}


def main():
    torch.manual_seed(0)
    values = {}
    for name, (shapes, f) in CASES.items():
        inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
        y = f(*inputs)
        grad = torch.randn_like(y)
        y.backward(grad)
        numbers = lambda t: {"shape": list(t.shape), "values": t.detach().flatten().tolist()}
        values[name] = {
            "inputs": [numbers(x) for x in inputs], "output": numbers(y), "grad_output": numbers(grad),
            "gradients": [numbers(x.grad) for x in inputs],
        }
    Path(__file__).with_name("tokens.json").write_text(json.dumps(values) + "\n")


main()
