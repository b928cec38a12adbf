"""Makes trajectories.json: twelve updates of rules that others have implemented.

    pip install torch==2.15.0
    pip install --no-deps schedulefree==1.4.1 prodigyopt==1.1.2 pytorch_optimizer==4.1.0
    python trajectories.py

Parameters are float64, and the default type stays float32, on which NAdam's product of momenta
depends. The gradient of update t is a_t + theta/2 with a_t from the file, taken at
the present theta. A scalar, a vector, a matrix and the weights of a convolution are updated as one
group; the parameters are written down after the updates in STEPS. SAM and SOAP of pytorch_optimizer
take a norm and a QR decomposition in float32, so they are good to about 1e-7.
"""

import json
from pathlib import Path

import prodigyopt
import pytorch_optimizer
import schedulefree
import torch

STEPS = [1, 2, 3, 4, 6, 9, 12]
SHAPES = [[], [5], [3, 4], [2, 3, 3, 3]]
LR, DECAY = 0.05, 0.1

random = torch.Generator().manual_seed(0)


def normal(shape):
    return torch.randn(shape, generator=random, dtype=torch.float64)


START = [normal(shape) for shape in SHAPES]
GRADS = [[normal(shape) * (1 + 3 * (t % 3)) for shape in SHAPES] for t in range(max(STEPS))]


def numbers(tensors):
    return [tensor.detach().flatten().tolist() for tensor in tensors]


def set_grads(params, t):
    for param, a in zip(params, GRADS[t]):
        param.grad = a + 0.5 * param.detach()


def run(make, before=None, schedule=None, evaluate=False):
    """The parameters along the run; `evaluate` has those of .eval() beside them."""
    params = [torch.nn.Parameter(tensor.clone()) for tensor in START]
    optimizer = make(params)
    schedule = schedule and schedule(optimizer)
    trajectory, evaluated, momenta, rates = [], [], [], []
    for t in range(max(STEPS)):
        group = optimizer.param_groups[0]
        rates.append(group["lr"])
        momenta.append(group.get("momentum", group.get("betas", [None])[0]))
        if evaluate:
            optimizer.train()
        set_grads(params, t)
        if before:
            before(params)
        if isinstance(optimizer, pytorch_optimizer.SAM):
            optimizer.first_step()
            set_grads(params, t)
            optimizer.second_step()
        else:
            optimizer.step()
        if schedule:
            schedule.step()
        if t + 1 in STEPS:
            trajectory.append(numbers(params))
            if evaluate:
                optimizer.eval()
                evaluated.append(numbers(params))
    case = {"trajectory": trajectory}
    if evaluate:
        case["evaluated"] = evaluated
    if schedule:
        case |= {"lr": rates, "momentum": momenta}
    return case


def centralize(params):
    pytorch_optimizer.optimizer.gradient_centralization.centralize_gradient([p.grad for p in params])


def adamw(params):
    return torch.optim.AdamW(params, lr=LR, weight_decay=DECAY)


def sgd(params):
    return torch.optim.SGD(params, lr=LR, momentum=0.9, weight_decay=DECAY)


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=12, pct_start=0.25)


def schedule_free(params, **options):
    return schedulefree.AdamWScheduleFree(params, lr=LR, weight_decay=DECAY, foreach=False, **options)


def prodigy(params, **options):
    return prodigyopt.Prodigy(params, lr=1.0, weight_decay=DECAY, **options)


def adafactor(params, **options):
    return torch.optim.Adafactor(params, lr=LR, weight_decay=DECAY, foreach=False, **options)


def soap(params, **options):
    return pytorch_optimizer.SOAP(params, lr=LR, weight_decay=DECAY, precondition_frequency=3, **options)


def sgdw(params, **options):
    return pytorch_optimizer.SGDW(params, lr=LR, momentum=0.9, weight_decay=DECAY, weight_decouple=True, **options)


CASES = {
    "sam": run(lambda p: pytorch_optimizer.SAM(p, torch.optim.SGD, rho=0.05, lr=LR, momentum=0.9, weight_decay=DECAY)),
    "schedule_free": run(schedule_free, evaluate=True),
    "schedule_free_warmup": run(lambda p: schedule_free(p, warmup_steps=5, r=1.0), evaluate=True),
    "lookahead": run(lambda p: pytorch_optimizer.Lookahead(adamw(p), k=3, alpha=0.5)),
    "adafactor": run(adafactor),
    "adafactor_options": run(lambda p: adafactor(p, beta2_decay=-0.5, eps=(1e-4, 0.5), d=2.0)),
    "prodigy": run(prodigy),
    "prodigy_options": run(
        lambda p: prodigy(p, use_bias_correction=True, safeguard_warmup=True, growth_rate=1.5, d_coef=2.0, d0=1e-3)
    ),
    "soap": run(soap),
    "sgdw": run(sgdw),
    "sgdw_nesterov": run(lambda p: sgdw(p, nesterov=True)),
    "nadamw": run(lambda p: torch.optim.NAdam(p, lr=LR, weight_decay=DECAY, decoupled_weight_decay=True)),
    "radamw": run(lambda p: torch.optim.RAdam(p, lr=LR, weight_decay=DECAY, decoupled_weight_decay=True)),
    "centralized_sgd": run(sgd, before=centralize),
    "centralized_adamw": run(adamw, before=centralize),
    "one_cycle_sgd": run(sgd, schedule=one_cycle),
    "one_cycle_adamw": run(adamw, schedule=one_cycle),
}

golden = {
    "steps": STEPS,
    "lr": LR,
    "weight_decay": DECAY,
    "shapes": SHAPES,
    "start": numbers(START),
    "grads": [numbers(grads) for grads in GRADS],
    "cases": CASES,
}
with open(Path(__file__).parent / "trajectories.json", "w") as file:
    json.dump(golden, file)
    file.write("\n")
