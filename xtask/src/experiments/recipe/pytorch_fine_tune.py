"""The recipe of PyTorch's tutorial on transfer learning on a data set of `cargo xtask experiments recipe`, from the weights that Taper has embedded.

    pip install torch torchvision safetensors
    python pytorch_fine_tune.py PICTURES WEIGHTS.safetensors SIDE SEED [THREADS]

PICTURES has train, val and test, WEIGHTS are SqueezeNet 1.1's by torchvision's names, SIDE is that of the squares that the network sees. The last layer is
replaced and all layers are trained: RandomResizedCrop and a mirror, batches of 4, SGD at 0.001 with momentum 0.9, a tenth of that after every 7 epochs,
25 epochs, and the weights of the epoch that was best on val. Prints a line of JSON: accuracy and balanced accuracy (the mean recall of the classes that
there are pictures of) on val and test, and seconds of the training, its reading of pictures included.
"""

import copy
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

COLORS = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def measured(network, loader):
    network.eval()
    right, all = {}, {}
    with torch.no_grad():
        for pictures, labels in loader:
            for answer, label in zip(network(pictures).argmax(1).tolist(), labels.tolist()):
                all[label] = all.get(label, 0) + 1
                right[label] = right.get(label, 0) + (answer == label)
    images = sum(all.values())
    return {"accuracy": sum(right.values()) / images, "balanced": sum(right[label] / all[label] for label in all) / len(all), "images": images}


def main(pictures, weights, side, seed, threads=2):
    torch.set_num_threads(int(threads))
    torch.manual_seed(int(seed))
    side, pictures, begun = int(side), Path(pictures), time.time()
    training = transforms.Compose([transforms.RandomResizedCrop(side), transforms.RandomHorizontalFlip(), transforms.ToTensor(), COLORS])
    testing = transforms.Compose([transforms.Resize(side * 256 // 224), transforms.CenterCrop(side), transforms.ToTensor(), COLORS])
    train = datasets.ImageFolder(pictures / "train", training)
    # A class may have no picture in another part.
    others = {part: [(path, train.class_to_idx[Path(path).parent.name]) for path, _ in datasets.ImageFolder(pictures / part).samples] for part in ("val", "test")}
    loaders = {}
    for part, samples in others.items():
        data = datasets.ImageFolder(pictures / part, testing)
        data.samples = data.imgs = samples
        loaders[part] = DataLoader(data, batch_size=32, num_workers=int(threads))
    network = models.squeezenet1_1(weights=None)
    network.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    network.classifier[1] = nn.Conv2d(512, len(train.classes), 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    loader = DataLoader(train, batch_size=4, shuffle=True, num_workers=int(threads), persistent_workers=True)
    best, kept = -1.0, None
    for _ in range(25):
        network.train()
        for batch, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(batch), labels).backward()
            optimizer.step()
        schedule.step()
        accuracy = measured(network, loaders["val"])["accuracy"]
        if accuracy > best:
            best, kept = accuracy, copy.deepcopy(network.state_dict())
    seconds = time.time() - begun
    network.load_state_dict(kept)
    print(json.dumps({part: measured(network, loader) for part, loader in loaders.items()} | {"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
