"""One job of `cargo xtask bench` in PyTorch, in one configuration: a line of JSON like ours.

    python torch_jobs.py --job resnet18_train --config channels_last --batch 16 --threads 2 --repeat 3

Jobs and configurations are listed in xtask/src/bench/jobs.rs, which starts this script once for each measurement,
so that its peak memory is its own. A configuration that does not work here ends in an exception, and is left out.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

SMALL_CNN_STEPS = 20  # steps that are timed together
OPTIMIZER_SIDE = 4096


def peak_mb():
    """The most memory this process has held, MB of 2**20 bytes; None where Python cannot tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def median_seconds(run, repeat, warm_up=1):
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Variant:
    """How a network runs: memory format, precision, compiled or not."""

    def __init__(self, config):
        known = ("nchw", "channels_last", "compiled", "bf16")
        if config not in known:
            raise ValueError(f"a network runs as one of {known}, not as {config}")
        self.layout = torch.contiguous_format if config == "nchw" else torch.channels_last
        self.bf16 = config == "bf16"
        self.compiled = config == "compiled"
        self.warm_up = 2 if self.compiled else 1

    def prepare(self, model, pictures):
        model = model.to(memory_format=self.layout)
        run = torch.compile(model) if self.compiled else model
        return run, pictures.to(memory_format=self.layout)

    def autocast(self):
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16)


def training_step(variant, run, optimizer, pictures, labels):
    def step():
        optimizer.zero_grad(set_to_none=True)
        with variant.autocast():
            loss = F.cross_entropy(run(pictures).float(), labels)
        loss.backward()
        optimizer.step()

    return step


def made(name):
    """A network of torchvision, or of timm where only that has it."""
    if name in torchvision.models.list_models():
        return torchvision.models.get_model(name, weights=None)
    import timm

    return timm.create_model(name)


def network(name, kind, variant, batch, repeat):
    """Pictures per second of a network on pictures of 224x224."""
    model = made(name).train(kind == "train")
    run, pictures = variant.prepare(model, torch.randn(batch, 3, 224, 224))
    if kind == "train":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        step = training_step(variant, run, optimizer, pictures, torch.randint(0, 1000, (batch,)))
    else:

        def step():
            with torch.inference_mode(), variant.autocast():
                run(pictures)

    return batch / median_seconds(step, repeat, variant.warm_up)


def quantized(file, pictures):
    """The network of an ONNX file in int8, weights by output channel, maps by ranges measured on these pictures."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Once(CalibrationDataReader):
        def __init__(self):
            self.left = [{"pictures": pictures.numpy()}]

        def get_next(self):
            return self.left.pop() if self.left else None

    prepared, small = f"{file}.prepared", f"{file}.int8"
    quant_pre_process(file, prepared)
    quantize_static(prepared, small, Once(), quant_format=QuantFormat.QDQ, per_channel=True)
    return small


def onnxruntime(name, kind, config, batch, threads, repeat):
    """Pictures per second of a network of torchvision that is exported to ONNX and run by onnxruntime."""
    import onnxruntime

    if kind != "infer":
        raise ValueError("onnxruntime trains no networks")
    model = made(name).eval()
    pictures = torch.randn(batch, 3, 224, 224)
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/{name}.onnx"
        torch.onnx.export(model, pictures, file, input_names=["pictures"], dynamo=False)
        if config == "onnxruntime_int8":
            file = quantized(file, pictures)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    given = {"pictures": pictures.numpy()}
    return batch / median_seconds(lambda: session.run(None, given), repeat)


def small_cnn(variant, batch, repeat):
    """Pictures per second of training a small network on pictures of 28x28."""
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(128, 10),
    )
    run, pictures = variant.prepare(model, torch.randn(batch, 1, 28, 28))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    step = training_step(variant, run, optimizer, pictures, torch.randint(0, 10, (batch,)))

    def steps():
        for _ in range(SMALL_CNN_STEPS):
            step()

    return SMALL_CNN_STEPS * batch / median_seconds(steps, repeat, variant.warm_up)


def optimizer_step(name, config, tensors, repeat):
    """GB per second of parameters, gradients and state that a step has to read and write."""
    if config not in ("fused", "foreach"):
        raise ValueError(f"an optimizer steps fused or foreach, not {config}")
    parameters = [torch.randn(OPTIMIZER_SIDE, OPTIMIZER_SIDE, requires_grad=True) for _ in range(tensors)]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    how = {config: True}
    if name == "adam":
        floats, optimizer = 7, torch.optim.Adam(parameters, lr=1e-3, **how)
    else:
        floats, optimizer = 5, torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, **how)
    gigabytes = floats * 4 * tensors * OPTIMIZER_SIDE**2 / 1e9
    return gigabytes / median_seconds(optimizer.step, max(repeat, 5))


def photographs(job, config, folder, threads, repeat):
    """Pictures per second that are decoded, or prepared for training as `taper_augment` does it, and put into a batch."""
    from PIL import Image
    from torchvision import io
    from torchvision.transforms import v2

    if config not in ("pil", "v2"):
        raise ValueError(f"pictures are read by pil or by v2, not by {config}")
    files = sorted(pathlib.Path(folder).iterdir())

    def decode(file):
        if config == "pil":
            return Image.open(file).convert("RGB")
        return io.decode_image(io.read_file(str(file)), io.ImageReadMode.RGB)

    steps = [v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4)]
    to_floats = [v2.PILToTensor()] if config == "pil" else []
    to_floats += [v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    transform = v2.Compose(steps + to_floats)

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return len(files)

        def __getitem__(self, index):
            picture = decode(files[index])
            return 0 if job == "decode" else transform(picture)

    # One thread is this process alone; more are worker processes, kept alive, as in training.
    workers = {"num_workers": threads, "persistent_workers": True} if threads > 1 else {}
    loader = torch.utils.data.DataLoader(Pictures(), batch_size=14, **workers)
    return len(files) / median_seconds(lambda: list(loader), max(repeat, 3))


def measure(job, config, batch, threads, repeat, pictures):
    if job in ("decode", "augment"):
        return photographs(job, config, pictures, threads, repeat)
    # NAME_KIND or NAME_KIND_SUFFIX, where a name may have underscores of its own.
    words = job.split("_")
    kind = next((word for word in words if word in ("train", "infer", "step")), None)
    if kind is None:
        raise ValueError(f"{job} neither trains nor infers nor steps")
    name = "_".join(words[: words.index(kind)])
    if kind == "step":
        return optimizer_step(name, config, batch, repeat)
    if config.startswith("onnxruntime"):
        return onnxruntime(name, kind, config, batch, threads, repeat)
    if name == "small_cnn":
        return small_cnn(Variant(config), batch, repeat)
    return network(name, kind, Variant(config), batch, repeat)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    versions = f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}"
    parser.add_argument("--version", action="version", version=versions)
    parser.add_argument("--job", required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--pictures", help="the folder of JPEGs for decode and augment")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    rate = measure(args.job, args.config, args.batch, args.threads, args.repeat, args.pictures)
    print(json.dumps({"job": args.job, "config": args.config, "per_second": rate, "peak_mb": peak_mb()}), flush=True)


if __name__ == "__main__":
    main()
