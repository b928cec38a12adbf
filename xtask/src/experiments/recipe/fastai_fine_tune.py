"""fastai's `fine_tune` on a data set of `cargo xtask experiments recipe`, from the weights that Taper has embedded.

    pip install torch torchvision safetensors fastai
    python fastai_fine_tune.py PICTURES WEIGHTS.safetensors SIDE SEED [THREADS]

PICTURES has train, val and test, WEIGHTS are SqueezeNet 1.1's by torchvision's names, SIDE is that of the squares that the network sees. Everything
else is what fastai's documentation begins with: Resize, aug_transforms, ImageNet's mean and deviation, batches of 32, three epochs of the head and eight
of all layers at 2e-3. Prints a line of JSON: accuracy and balanced accuracy (the mean recall of the classes that there are pictures of) on val and test,
and seconds of the training, its reading of pictures included.
"""

import json
import sys
import time
from pathlib import Path

import torch
import torchvision
from fastai.vision.all import (
    CrossEntropyLossFlat, ImageDataLoaders, Normalize, Resize, aug_transforms, get_image_files, imagenet_stats, models, set_seed, vision_learner,
)
from safetensors.torch import load_file


def embedded(learner, weights):
    """Puts the weights of torchvision's features in the place of the body's first values."""
    network = torchvision.models.squeezenet1_1(weights=None)
    network.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    body, features = learner.model[0], network.features.state_dict().values()
    body.load_state_dict(dict(zip(body.state_dict(), features, strict=True)))
    learner.freeze()


def measured(learner, loaders, folder):
    files = get_image_files(folder)
    loader = loaders.test_dl(files)
    answers, _ = learner.get_preds(dl=loader)
    classes = list(loaders.vocab)
    labels = torch.tensor([classes.index(file.parent.name) for file in files])
    right = answers.argmax(1) == labels
    recalls = [right[labels == label].float().mean() for label in labels.unique()]
    return {"accuracy": float(right.float().mean()), "balanced": float(torch.stack(recalls).mean()), "images": len(files)}


def main(pictures, weights, side, seed, threads=2):
    torch.set_num_threads(int(threads))
    set_seed(int(seed), True)
    begun = time.time()
    transforms = [*aug_transforms(), Normalize.from_stats(*imagenet_stats)]
    # The test part is no part of the loaders.
    loaders = ImageDataLoaders.from_folder(
        pictures, train="train", valid="val", item_tfms=Resize(int(side)), batch_tfms=transforms, bs=32, num_workers=int(threads),
    )
    learner = vision_learner(loaders, models.squeezenet1_1, pretrained=False, normalize=False, loss_func=CrossEntropyLossFlat())
    embedded(learner, weights)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(8, base_lr=2e-3, freeze_epochs=3)
        seconds = time.time() - begun
        told = {part: measured(learner, loaders, Path(pictures) / part) for part in ("val", "test")}
    print(json.dumps(told | {"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
