"""Attention tile by tile: at most one tile of scores is in memory, in the forward and in the backward pass."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from suite.attention.choices.patterns import Tile
from suite.attention.operators.recompute import ForwardState, differentiable_gradients, rebound


class TileContext(nn.Module):
    """Attention of one tile, as a module: its parameters get a gradient."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor, tile: Tile) -> Tensor:
        """The context (B, H, l, V) of the queries (B, H, l, D), keys and values of a tile."""
        raise NotImplementedError


def attend_tiles(
    context_of: TileContext, tiles: Iterable[Tile], query: Tensor, key: Tensor, value: Tensor, random: bool = False
) -> Tensor:
    """Compute the context tile by tile: context[:, :, tile.queries] = context_of(query, key, value of the tile, tile).

    Only inputs are saved. The backward pass computes each tile again (Chen et al. 2016, "Training deep nets with
    sublinear memory cost"), under the autocast settings of the forward pass, and adds its gradients in place: time and
    memory grow with the tiles, not with L S. A second derivative computes all tiles with a graph.

    Args:
        context_of: attention of one tile.
        tiles: tiles that hold every query once.
        query, key, value: (B, H, L, D), (B, H, S, D), (B, H, S, V).
        random: True where ``context_of`` draws random numbers; the backward pass then draws the same ones.

    Shape: -> (B, H, L, V).
    """
    learnt = [p for p in context_of.parameters() if p.requires_grad]
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
    return x[..., tile.keys] if x.dim() and x.shape[-1] > 1 else x


def _all_tiles(context_of: TileContext, tiles: Sequence[Tile], query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    context: Tensor | None = None
    for tile in tiles:
        rows, columns = tile
        part = context_of(query[:, :, rows], key[:, :, columns], value[:, :, columns], tile)
        if context is None:
            context = part.new_zeros(*query.shape[:3], value.shape[3])
        context[:, :, rows] = part
    return value.new_zeros(*query.shape[:3], value.shape[3]) if context is None else context


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
        ctx.state = ForwardState(query.device, random)
        ctx.learnt = learnt  # as the module holds them: what hooks return for saved tensors are other tensors
        ctx.save_for_backward(query, key, value, *learnt)
        return _all_tiles(context_of, tiles, query, key, value)

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        query, key, value, *learnt = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, None, None, *_Tiles._with_graph(ctx, query, key, value, learnt, grad)
        d_query, d_key, d_value, *d_learnt = (torch.zeros_like(x) for x in (query, key, value, *learnt))
        with ctx.state.restored():
            for tile in ctx.tiles:
                rows, columns = tile
                with torch.enable_grad():
                    inputs = [query[:, :, rows], key[:, :, columns], value[:, :, columns]]
                    inputs = [x.detach().requires_grad_() for x in inputs]
                    out = ctx.context_of(*inputs, tile)
                d_out = grad[:, :, rows].to(out.dtype)
                grads = torch.autograd.grad(out, [*inputs, *ctx.learnt], d_out, materialize_grads=True)
                d_query[:, :, rows] += grads[0]
                d_key[:, :, columns] += grads[1]
                d_value[:, :, columns] += grads[2]
                for total, more in zip(d_learnt, grads[3:], strict=True):
                    total += more
        return None, None, None, d_query, d_key, d_value, *d_learnt

    @staticmethod
    def _with_graph(  # type: ignore[no-untyped-def]
        ctx, query: Tensor, key: Tensor, value: Tensor, learnt: list[Tensor], grad: Tensor
    ) -> list[Tensor | None]:
        def plain(query: Tensor, key: Tensor, value: Tensor, *parameters: Tensor) -> Tensor:
            module = rebound(ctx.context_of, dict(zip(ctx.learnt, parameters, strict=True)))
            with ctx.state.restored():
                return _all_tiles(module, ctx.tiles, query, key, value)

        return differentiable_gradients(plain, [query, key, value, *learnt], [grad])
