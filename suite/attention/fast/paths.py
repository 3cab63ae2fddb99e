"""The paths of dense attention. Each equals ``attend`` in values and gradients; ``choose.py`` chooses among them."""

# B batch, H heads, L queries, S keys, D width of one head

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.attention.choices.alignments import Softmax
from suite.attention.choices.patterns import Causal, Full, Tile
from suite.attention.choices.scores import InnerProduct, Scaled
from suite.attention.compiled.dense import attend_compiled
from suite.attention.fast.call import AttentionCall
from suite.attention.fast.dropout_on_cpu import attend_with_dropout, causal_bands
from suite.attention.fast.flex import flex_context
from suite.attention.fast.tiled import TileContext, attend_tiles, query_chunks, tile_of
from suite.attention.functional import AttentionOutput, attend
from suite.attention.operators.recompute import autocast_type, without_autocast

CHUNK = 1 << 21  # entries (scores times width) in one chunk of a wide score: 8 MiB of float32


def reference_path(call: AttentionCall) -> AttentionOutput:
    """``attend``: the plain equation, the only path that returns weights."""
    mask, factor = call.masked()
    return attend(
        call.query,
        call.key,
        call.value,
        score=call.scores,
        mask=mask,
        bias=call.bias,
        alignment=call.align,
        factor=factor,
        dropout_p=call.dropout_p,
    )


def sdpa_path(call: AttentionCall) -> AttentionOutput:
    """``torch.nn.functional.scaled_dot_product_attention``, for every score that is an inner product."""
    query, key, scale = call.vectors()
    causal = False  # torch aligns the causal mask differently where L and S differ
    if isinstance(call.pattern, Causal) and call.mask is None and call.bias is None and query.shape[2] == key.shape[2]:
        causal = True  # a plain bool also where a compiler sees lengths as symbols
    mask = None if causal else call.masked()[0]
    if call.bias is not None:
        bias = call.bias.to(query.dtype)
        mask = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
    if mask is not None and mask.dim() < 2:
        mask = torch.atleast_2d(mask)  # torch's function needs (L, S) at least
    context = F.scaled_dot_product_attention(
        query, key, call.value, attn_mask=mask, dropout_p=call.dropout_p, is_causal=causal, scale=scale
    )
    return AttentionOutput(context, None)


def cpu_dropout_path(call: AttentionCall) -> AttentionOutput:
    """Softmax with dropout on a CPU, in chunks that fit in the cache (``dropout_on_cpu.py``)."""
    query, key, scale = call.vectors()
    bands = causal_bands(query.shape[2], key.shape[2]) if isinstance(call.pattern, Causal) else None
    mask, dtype = call.masked()[0], autocast_type(call.query)
    inputs = ((query * scale).to(dtype), key.to(dtype), call.value.to(dtype))
    with without_autocast(query.device):
        return AttentionOutput(attend_with_dropout(*inputs, mask, call.dropout_p, bands), None)


def kernels_path(call: AttentionCall) -> AttentionOutput:
    """The optional C++ kernels (``suite.attention.compiled``), for ``implementation="compiled"``."""
    query, key, scale = call.vectors()
    causal = isinstance(call.pattern, Causal)
    mask = call.mask if causal else call.masked()[0]
    return AttentionOutput(attend_compiled(query, key, call.value, mask, scale, causal, call.dropout_p), None)


def tiles_path(call: AttentionCall) -> AttentionOutput:
    """Only the tiles of the pattern: for windows and blocks, time and memory are linear in the length."""
    tiles = call.pattern.tiles(call.query.shape[2], call.key.shape[2])
    assert tiles is not None
    return _in_tiles(call, list(tiles))


def chunks_path(call: AttentionCall) -> AttentionOutput:
    """A chunk of queries at a time, for scores that form a hidden vector of every pair, (B, H, L, S, D)."""
    size = max(1, CHUNK * call.query.shape[2] // max(1, call.query.numel() * call.key.shape[2]))
    return _in_tiles(call, query_chunks(call.query.shape[2], size))


def flex_path(call: AttentionCall) -> AttentionOutput:
    """FlexAttention on CUDA, which compiles the pattern into the kernel and skips empty blocks."""
    query, key, scale = call.vectors()
    return AttentionOutput(flex_context(query, key, call.value, call.pattern, scale), None)


class _Tile(TileContext):
    """One tile of a call: the choices, and where the pattern and the mask allow a pair."""

    def __init__(self, call: AttentionCall) -> None:
        super().__init__()
        self.score, self.alignment, self.pattern = call.score, call.alignment, call.pattern
        self.mask, self.dropout_p = call.mask, call.dropout_p
        L, S, device = call.query.shape[2], call.key.shape[2], call.query.device
        self.rows = torch.arange(L, device=device) + call.pattern.offset(L, S)
        self.columns = torch.arange(S, device=device)
        self.path = reference_path
        if isinstance(call.score, InnerProduct) and isinstance(call.alignment, Softmax):
            self.path = cpu_dropout_path if call.dropout_p > 0.0 and device.type == "cpu" else sdpa_path

    def forward(self, query: Tensor, key: Tensor, value: Tensor, tile: Tile) -> Tensor:
        mask = self.pattern.allows(self.rows[tile.queries, None], self.columns[tile.keys])
        if self.mask is not None:
            mask = mask & tile_of(self.mask, tile)
        part = AttentionCall(query, key, value, self.score, self.alignment, Full(), mask, dropout_p=self.dropout_p)
        return self.path(part).context


def _in_tiles(call: AttentionCall, tiles: list[Tile]) -> AttentionOutput:
    if isinstance(call.score, InnerProduct):  # its vectors may depend on the position of a key: made before the tiles
        query, key = call.score.vectors(call.query, call.key)
        scaled = Scaled(call.score.scale(call.query.shape[-1]))
        call = replace(call, query=query, key=key, score=scaled)
    context = attend_tiles(_Tile(call), tiles, call.query, call.key, call.value, random=call.dropout_p > 0.0)
    return AttentionOutput(context, None)
