"""Attention tile by tile: at most one tile of scores is in memory, in the forward and in the backward pass."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.choices.patterns import Tile

TileContext = Callable[[Tensor, Tensor, Tensor, Tile], Tensor]


def attend_tiles(
    context_of: TileContext,
    tiles: Iterable[Tile],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    parameters: Iterable[Tensor] = (),
    random: bool = False,
) -> Tensor:
    """Compute the context tile by tile: context[:, :, tile.queries] = context_of(query, key, value of the tile, tile).

    Only inputs are saved. The backward pass computes each tile again (Chen et al. 2016, "Training deep nets with
    sublinear memory cost") and adds its gradients in place: time and memory grow with the tiles, not with L S.

    Args:
        context_of: attention of one tile.
        tiles: tiles that hold every query once.
        query, key, value: (B, H, L, D), (B, H, S, D), (B, H, S, V).
        parameters: tensors beside query, key and value that need a gradient from ``context_of``.
        random: True where ``context_of`` draws random numbers; the backward pass then draws the same ones.

    Shape: -> (B, H, L, V). Differentiable once.
    """
    learnt = [p for p in parameters if p.requires_grad]
    context: Tensor = _Tiles.apply(context_of, list(tiles), random, query, key, value, *learnt)
    return context


def query_chunks(num_queries: int, size: int) -> list[Tile]:
    """Tiles of ``size`` queries and all keys."""
    every = slice(0, None)
    return [Tile(slice(start, min(start + size, num_queries)), every) for start in range(0, num_queries, size)]


def tile_of(x: Tensor, tile: Tile) -> Tensor:
    """The entries of ``x``, broadcastable to (B, H, L, S), that belong to a tile."""
    if x.dim() > 1 and x.shape[-2] > 1:
        x = x[..., tile.queries, :]
    return x[..., tile.keys] if x.shape[-1] > 1 else x


class _Tiles(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx,
        context_of: TileContext,
        tiles: list[Tile],
        random: bool,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *learnt: Tensor,
    ) -> Tensor:
        ctx.context_of, ctx.tiles = context_of, tiles
        ctx.random = _random_state(query.device) if random else None
        ctx.save_for_backward(query, key, value, *learnt)
        context = value.new_zeros(*query.shape[:3], value.shape[3])
        for tile in tiles:
            rows, columns = tile
            context[:, :, rows] = context_of(query[:, :, rows], key[:, :, columns], value[:, :, columns], tile)
        return context

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        query, key, value, *learnt = ctx.saved_tensors
        d_query, d_key, d_value, *d_learnt = (torch.zeros_like(x) for x in ctx.saved_tensors)
        devices = [query.device] if query.is_cuda else []
        with torch.random.fork_rng(devices, enabled=ctx.random is not None):
            if ctx.random is not None:
                _set_random_state(query.device, ctx.random)
            for tile in ctx.tiles:
                rows, columns = tile
                with torch.enable_grad():
                    inputs = [query[:, :, rows], key[:, :, columns], value[:, :, columns]]
                    inputs = [x.detach().requires_grad_() for x in inputs]
                    out = ctx.context_of(*inputs, tile)
                d_out = grad[:, :, rows].to(out.dtype)
                grads = torch.autograd.grad(out, inputs + learnt, d_out, materialize_grads=True)
                d_query[:, :, rows] += grads[0]
                d_key[:, :, columns] += grads[1]
                d_value[:, :, columns] += grads[2]
                for total, more in zip(d_learnt, grads[3:], strict=True):
                    total += more
        return None, None, None, d_query, d_key, d_value, *d_learnt


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_random_state(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
