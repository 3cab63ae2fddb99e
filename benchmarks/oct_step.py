"""A training step on 28 x 28 pictures: ours against the ResNet-18 of MedMNIST as published.

    python benchmarks/oct_step.py [--rounds 3] [--threads 1] [--bfloat16] [--quick]

The peer is the recipe of Yang et al. 2023: ResNet-18 whose first convolution is 3 x 3, three input channels, batches of
128, Adam. Ours is ``experiment=oct/pneumoniamnist`` whole: gathering, augmenting, mixing, forward, loss, backward and
optimiser. A step is of 128 pictures for all. Targets: 0.08 of its time for ours, 0.45 for our own run of the ResNet-18.
"""

import argparse
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from timing import interleaved, show
from torch import Tensor, nn

from suite.config.compose import compose
from suite.training.build import build_data, build_module

BATCH = 128


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around which the input is added."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out_channels), nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != out_channels:
            project = nn.Conv2d(channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(project, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class ResNet18(nn.Sequential):
    """Stages of 64, 128, 256 and 512 channels, two blocks each, the first at full resolution."""

    def __init__(self, channels: int = 3, classes: int = 2) -> None:
        layers: list[nn.Module] = [nn.Conv2d(channels, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        width = 64
        for out, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            layers += [BasicBlock(width, out, stride), BasicBlock(out, out, 1)]
            width = out
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


def peer(channels_last: bool = False, bfloat16: bool = False) -> Callable[[], object]:
    """A step of the ResNet-18."""
    torch.manual_seed(0)
    form = torch.channels_last if channels_last else torch.contiguous_format
    net = ResNet18().to(memory_format=form).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    x = torch.rand(BATCH, 3, 28, 28).contiguous(memory_format=form)
    labels = torch.randint(2, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = net(x)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return step


def ours() -> Callable[[], object]:
    """A step of our preset on the next batch, from bytes in memory."""
    torch.manual_seed(0)
    config = compose(["experiment=oct/pneumoniamnist", f"data.batch_size={BATCH}"])
    data = build_data(config)
    module = build_module(config, data.facts()).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, fused=True)

    def batches() -> Iterator:
        while True:
            yield from (batch for batch in data.train_dataloader() if len(batch) == BATCH)

    turn = batches()

    def step() -> None:
        optimizer.zero_grad()
        module.compute_loss(next(turn)).backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="the ResNet-18 in bfloat16 too, slow without AVX-512")
    parser.add_argument("--quick", action="store_true", help="one round")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    candidates = {
        "ResNet-18 as published": peer(),
        "ResNet-18, channels last": peer(channels_last=True),
        "ours, attention CNN": ours(),
    }
    if options.bfloat16:
        candidates["ResNet-18, bfloat16, channels last"] = peer(channels_last=True, bfloat16=True)
    samples = interleaved(candidates, rounds=1 if options.quick else options.rounds, least=0.2)
    show(f"training step of {BATCH} pictures of 28 x 28, {options.threads} thread(s)", samples)


if __name__ == "__main__":
    main()
