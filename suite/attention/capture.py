"""Collect the attention weights of any model, and two ways to read them: rollout and entropy."""

# B batch, H heads, L queries, S keys; M edges

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.functional import AttentionOutput

Maps = dict[str, list[Tensor]]


@contextmanager
def capture_weights(model: nn.Module, samples: Sequence[int] | None = None) -> Iterator[Maps]:
    """Collect the weights of every attention in ``model``: a dict from module name to a list with one entry per call.

    Where a fused path formed no weights, they are computed for the chosen samples, without dropout and without drawing
    random numbers, so the output of the model does not change. The hooks are removed at the end of the block.

    Args:
        model: any module with layers of ``suite.attention``.
        samples: indices of samples of the batch; default all. Weights without a batch dimension, such as those of edges
            (M, H), are always collected whole.

    Yields:
        Detached weights: dense (b, H, L, S), edges (M, H), gates as their class documents.

    >>> from suite.attention import MultiheadAttention
    >>> model = nn.Sequential(MultiheadAttention(embed_dim=4, num_heads=2))
    >>> with capture_weights(model, samples=[1]) as maps:
    ...     output = model(torch.randn(3, 5, 4))
    >>> maps["0"][0].shape
    torch.Size([1, 2, 5, 5])
    """
    maps: Maps = {}
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            handle = module.register_forward_hook(_collect(name, maps, samples), with_kwargs=True)
            hooks.callback(handle.remove)
        yield maps


def rollout(weights: Sequence[Tensor], residual: float = 0.5) -> Tensor:
    """How much each input position contributes to each output position through all layers.

    R = A_n ... A_1,   A_l = (1 - residual) mean over heads of weights_l + residual I   (Abnar & Zuidema 2020, eq. 1)

    Shape: a list of self-attention weights (B, H, L, L), first layer first -> (B, L, L). Its rows sum to 1 where those
    of the weights do. Raises ValueError for an empty list and for other shapes.

    >>> rollout([torch.full((1, 2, 4, 4), 0.25)] * 3)[0, 0].sum()
    tensor(1.)
    """
    if not weights:
        raise ValueError("rollout needs the weights of at least one layer, got none")
    if any(w.dim() != 4 or w.shape[-1] != w.shape[-2] for w in weights):
        shapes = [tuple(w.shape) for w in weights]
        raise ValueError(f"rollout needs self-attention weights (batch, heads, length, length), got {shapes}")
    identity = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype, device=weights[0].device)
    total = identity
    for layer in weights:
        total = ((1.0 - residual) * layer.mean(dim=1) + residual * identity) @ total
    return total


def entropy(weights: Tensor) -> Tensor:
    """Entropy of each row in nats: 0 where one key has all the weight, log n where n keys share it; 0 if empty.

    -sum over s of w[s] log w[s],   where w is the row divided by its sum.

    Shape: (..., S) -> (...).

    >>> entropy(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])).exp()
    tensor([2., 1.])
    """
    share = weights / weights.sum(-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
    return -torch.xlogy(share, share).sum(-1)


def _collect(name: str, maps: Maps, samples: Sequence[int] | None) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
        if not isinstance(output, AttentionOutput):
            return
        prefix = f"{name}." if name else ""
        children = [prefix + child for child, part in module.named_children() if isinstance(part, Attention)]
        for child in children:  # a layer around an Attention: one entry, under the name of the layer
            maps.setdefault(name, []).extend(maps.pop(child, []))
        if any(other.startswith(prefix) and other != name for other in maps) or children:
            return  # a container that returns the output of one of its layers
        if output.weights is not None:
            maps.setdefault(name, []).append(_choose(output.weights.detach(), samples))
        elif isinstance(module, Attention):
            maps.setdefault(name, []).append(_recompute(module, args, kwargs, samples))

    return hook


@torch.no_grad()
def _recompute(
    module: Attention, args: tuple[Any, ...], kwargs: dict[str, Any], samples: Sequence[int] | None
) -> Tensor:
    given = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
    batch = given["query"].shape[0]
    wanted: dict[str, Any] = {name: given.get(name) for name in ("query", "key", "mask", "bias", "previous")}
    positions = given.get("query_positions")
    for name, x in wanted.items():
        if x is not None and x.dim() == 4 and x.shape[0] == batch:
            wanted[name] = _choose(x, samples)
    if positions is not None and positions.dim() == 2 and samples is not None:
        positions = positions[list(samples)]
    return module.weights(**wanted, query_positions=positions)


def _choose(x: Tensor, samples: Sequence[int] | None) -> Tensor:
    return x if samples is None or x.dim() < 4 else x[list(samples)]
