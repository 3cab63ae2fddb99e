"""Maps of where a network attends, other maps, and how well each map agrees with outlined lesions."""

# B scans, C channels, H height, W width of the view

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.capture import capture_weights, rollout
from tasks.oct.batch import ScanBatch
from tasks.oct.models.scan_net import ScanNet
from tasks.oct.models.vit import VisionTransformer

Mapper = Callable[[Tensor], Tensor]  # pixels (B, C, H, W) -> a map (B, H, W) of at least 0


def attention_map(net: ScanNet, pixels: Tensor) -> Tensor:
    """Return the mean attention of the heads of the pooling in the size of the view: (B, H, W), each sums to 1."""
    with torch.no_grad():
        weights = net(pixels).weights.mean(1)
    return enlarge(weights, pixels.shape[2:])


def rollout_map(net: VisionTransformer, pixels: Tensor) -> Tensor:
    """Return the attention rollout of each patch to the pooled vector (Abnar & Zuidema 2020): (B, H, W)."""
    with torch.no_grad(), capture_weights(net) as maps:
        pooled = net(pixels).weights.mean(1)
    layers = [maps[name][0] for name in maps if name.startswith("blocks")]
    reached = rollout(layers)[:, net.num_global :, net.num_global :]
    return enlarge((pooled.flatten(1)[:, None] @ reached).squeeze(1).unflatten(-1, net.grid), pixels.shape[2:])


def grad_cam(net: ScanNet, layer: nn.Module, pixels: Tensor) -> Tensor:
    """Return Grad-CAM of the predicted class at the output of a layer (Selvaraju et al. 2017, eq. 1-2): (B, H, W).

    relu of the sum over channels of (mean over positions of d score / d A_c) A_c
    """
    kept: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    try:
        with torch.enable_grad():
            logits = net(pixels).logits
            (gradient,) = torch.autograd.grad(logits.amax(1).sum(), kept[0])
    finally:
        handle.remove()
    weights = gradient.mean((2, 3), keepdim=True)
    return enlarge((weights * kept[0].detach()).sum(1).relu(), pixels.shape[2:])


def integrated_gradients(net: ScanNet, pixels: Tensor, steps: int = 16) -> Tensor:
    """Return integrated gradients of the predicted class, from black (Sundararajan et al. 2017, eq. 1): (B, H, W).

    |x * mean over alpha of d score(alpha x) / d x|, summed over channels; alpha at the centres of ``steps`` intervals.
    """
    with torch.no_grad():
        chosen = net(pixels).logits.argmax(1, keepdim=True)
    total = torch.zeros_like(pixels)
    for step in range(steps):
        scaled = (pixels * ((step + 0.5) / steps)).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(net(scaled).logits.gather(1, chosen).sum(), scaled)
        total += gradient / steps
    return (pixels * total).sum(1).abs()


def centre_prior(pixels: Tensor) -> Tensor:
    """Return a bell curve in the centre of the view, the same for each scan: (B, H, W)."""
    y, x = (torch.linspace(-1, 1, size) for size in pixels.shape[2:])
    return torch.exp(-2.0 * (y[:, None] ** 2 + x[None, :] ** 2)).expand(len(pixels), -1, -1)


def brightness_prior(pixels: Tensor) -> Tensor:
    """Return the blurred scan, whose brightest region is the retina: (B, H, W)."""
    return F.avg_pool2d(pixels.mean(1, keepdim=True), 9, stride=1, padding=4)[:, 0]


class AveragePrior:
    """The mean of the lesion masks of the training split, the same for each scan."""

    def __init__(self, batches: Iterable[ScanBatch]) -> None:
        self.share = torch.cat([(batch.lesions > 0).float() for batch in batches]).mean(0)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the same map for each scan: (B, H, W)."""
        return self.share.expand(len(pixels), -1, -1)


class Fit(NamedTuple):
    """How well maps agree with masks, for each scan with a lesion, (N,) each."""

    pointing: Tensor
    energy: Tensor
    overlap: Tensor


def fit(maps: Tensor, masks: Tensor) -> Fit:
    """Compare maps (B, H, W) of at least 0 with masks (B, H, W) bool; scans without a lesion are ignored.

    ``pointing``: 1 if the largest value of the map is in a lesion (Zhang et al. 2016), without tolerance;
    ``energy``: fraction of the map that is in lesions; ``overlap``: intersection over union of the lesions and the
    pixels with the largest values, as many as the lesions have.
    """
    outlined = masks.flatten(1).any(1)
    heat, mask = maps[outlined].flatten(1), masks[outlined].flatten(1)
    pointing = mask.gather(1, heat.argmax(1, keepdim=True)).squeeze(1).float()
    energy = (heat * mask).sum(1) / heat.sum(1).clamp(min=1e-12)
    rank = heat.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    highest = rank < mask.sum(1, keepdim=True)
    overlap = (highest & mask).sum(1) / (highest | mask).sum(1)
    return Fit(pointing, energy, overlap)


def mappers(net: ScanNet, prior: AveragePrior) -> dict[str, Mapper]:
    """Return all maps by name: attention of the network, priors that do not use the network, and gradients."""
    ways: dict[str, Mapper] = {"attention": lambda pixels: attention_map(net, pixels)}
    if isinstance(net, VisionTransformer):
        ways["attention rollout"] = lambda pixels: rollout_map(net, pixels)
    layer = last_map(net)
    return {
        **ways,
        "centre prior": centre_prior,
        "brightness prior": brightness_prior,
        "average lesion prior": prior,
        "Grad-CAM": lambda pixels: grad_cam(net, layer, pixels),
        "integrated gradients": lambda pixels: integrated_gradients(net, pixels),
    }


def last_map(net: nn.Module) -> nn.Module:
    """Return the layer whose output is the last map before pooling: ``merge`` of a CNN, else the patch embedding."""
    found = dict(net.named_modules())
    name = next((name for name in ("encoder.merge", "embedding") if name in found), None)
    if name is None:
        raise ValueError(f"{type(net).__name__} has no map for Grad-CAM")
    return found[name]


def enlarge(maps: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Interpolate maps (B, h, w) to another size (B, H, W), and divide each by its sum."""
    large = F.interpolate(maps[:, None], tuple(size), mode="bilinear", align_corners=False)[:, 0]
    return large / large.sum((1, 2), keepdim=True).clamp(min=1e-12)
