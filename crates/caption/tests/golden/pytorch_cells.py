"""Makes pytorch_cells.json: LSTM and GRU over sequences, values and gradients, as PyTorch has them.

    pip install torch
    python pytorch_cells.py > pytorch_cells.json
"""

import json

import torch


def flat(tensor):
    return [round(float(x), 9) for x in tensor.detach().flatten()]


def case(kind, steps, rows, inputs, hidden, seed):
    torch.manual_seed(seed)
    layer = getattr(torch.nn, kind.upper())(inputs, hidden).double()
    x = torch.randn(steps, rows, inputs, dtype=torch.float64, requires_grad=True)
    h = torch.randn(1, rows, hidden, dtype=torch.float64, requires_grad=True)
    c = torch.randn(1, rows, hidden, dtype=torch.float64, requires_grad=True)
    if kind == "lstm":
        y, (last_h, last_c) = layer(x, (h, c))
        state, last, begin = [h, c], torch.cat([last_h[0], last_c[0]], 1), torch.cat([h[0], c[0]], 1)
    else:
        y, last_h = layer(x, h)
        state, last, begin = [h], last_h[0], h[0]
    weigh_y, weigh_last = torch.randn_like(y), torch.randn_like(last)
    ((y * weigh_y).sum() + (last * weigh_last).sum()).backward()
    return {
        "kind": kind,
        "sizes": [steps, rows, inputs, hidden],
        "x": flat(x),
        "state": flat(begin),
        "parameters": {name: flat(value) for name, value in layer.state_dict().items()},
        "y": flat(y),
        "last": flat(last),
        "weigh_y": flat(weigh_y),
        "weigh_last": flat(weigh_last),
        "gradients": {name: flat(value.grad) for name, value in layer.named_parameters()},
        "dx": flat(x.grad),
        "dstate": flat(torch.cat([part.grad[0] for part in state], 1)),
    }


print(json.dumps({"torch": torch.__version__, "cases": [case("lstm", 4, 3, 3, 5, 0), case("gru", 4, 3, 3, 5, 1), case("lstm", 1, 1, 1, 1, 2), case("gru", 1, 1, 1, 1, 3)]}))
