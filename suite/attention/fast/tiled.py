"""Attention in tiles: never more than one tile of scores in memory, forward or backward."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from suite.attention.choices.patterns import Tile

Part = Callable[[Tensor, Tensor, Tensor, Tile], Tensor]


def attend_tiles(
    part: Part,
    tiles: Iterable[Tile],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    parameters: Iterable[Tensor] = (),
    random: bool = False,
) -> Tensor:
    """Fill the context tile by tile: context[:, :, tile.queries] = part(query, key and value of the tile, tile).

    Only inputs are kept for the way back, which computes each tile again (Chen et al. 2016, "Training deep nets with
    sublinear memory cost") and adds its gradients in place: time and memory follow the tiles, not L S. ``parameters``
    are the tensors beside query, key and value that ``part`` learns; where it draws random numbers, ``random`` makes
    the way back draw the same.

    Shape: query (B, H, L, D), key (B, H, S, D), value (B, H, S, V) -> (B, H, L, V). Differentiable once.
    """
    learnt = [p for p in parameters if p.requires_grad]
    context: Tensor = _Tiles.apply(part, list(tiles), random, query, key, value, *learnt)
    return context


def query_chunks(num_queries: int, size: int) -> list[Tile]:
    """Tiles of ``size`` queries and all keys."""
    every = slice(0, None)
    return [Tile(slice(start, min(start + size, num_queries)), every) for start in range(0, num_queries, size)]


def tile_of(x: Tensor, tile: Tile) -> Tensor:
    """The part of ``x``, broadcastable to (B, H, L, S), that belongs to a tile."""
    if x.dim() > 1 and x.shape[-2] > 1:
        x = x[..., tile.queries, :]
    return x[..., tile.keys] if x.shape[-1] > 1 else x


class _Tiles(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, part: Part, tiles: list[Tile], random: bool, query: Tensor, key: Tensor, value: Tensor, *learnt: Tensor
    ) -> Tensor:
        ctx.part, ctx.tiles = part, tiles
        ctx.random = _random_state(query.device) if random else None
        ctx.save_for_backward(query, key, value, *learnt)
        context = value.new_zeros(*query.shape[:3], value.shape[3])
        for tile in tiles:
            rows, columns = tile
            context[:, :, rows] = part(query[:, :, rows], key[:, :, columns], value[:, :, columns], tile)
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
                    pieces = [query[:, :, rows], key[:, :, columns], value[:, :, columns]]
                    pieces = [piece.detach().requires_grad_() for piece in pieces]
                    out = ctx.part(*pieces, tile)
                inputs = pieces + learnt
                grads = torch.autograd.grad(out, inputs, grad[:, :, rows].to(out.dtype), materialize_grads=True)
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
