"""Fast paths and the choice between them. Each equals ``attend`` in values and gradients (tests/attention)."""

# B batch, H heads, L queries, S keys, D width of one head, V width of one value

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from suite.attention.choices.alignments import Alignment, Softmax
from suite.attention.choices.patterns import Causal, Full, Pattern, Tile
from suite.attention.choices.scores import InnerProduct, Score
from suite.attention.compiled.dense import attend_compiled
from suite.attention.fast.dropout_on_cpu import attend_streamed, causal_bands
from suite.attention.fast.tiled import attend_tiles, query_chunks, tile_of
from suite.attention.functional import AttentionOutput, attend
from suite.attention.operators.half_precision import in_software

CHUNK = 1 << 21  # entries (scores times width) in one chunk of an additive score: 8 MiB of float32


@dataclass(frozen=True)
class Call:
    """One call of attention: the tensors and the four choices."""

    query: Tensor  # (B, H, L, D)
    key: Tensor  # (B, H, S, D)
    value: Tensor  # (B, H, S, V)
    score: Score
    alignment: Alignment
    pattern: Pattern
    mask: Tensor | None = None  # bool, broadcastable to (B, H, L, S)
    bias: Tensor | None = None  # float, broadcastable to (B, H, L, S)
    dropout_p: float = 0.0
    previous: Tensor | None = None  # (B, H, 1, S), weights of the last step

    def masked(self) -> tuple[Tensor | None, Tensor | None]:
        """The pattern and the mask in one, and what multiplies the weights."""
        return self.pattern(self.query, self.key, self.mask)

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """The scores, with the last step's weights for a score that wants them."""
        return self.score(query, key, previous=self.previous) if self.score.stateful else self.score(query, key)

    def align(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        """The weights, likewise."""
        if self.alignment.stateful:
            return self.alignment(scores, mask, previous=self.previous)
        return self.alignment(scores, mask)


Path = Callable[[Call], AttentionOutput]


def attend_fast(call: Call, compiled_kernels: bool = False) -> AttentionOutput:
    """Attention by the path that ``choose`` takes."""
    path = choose(call, compiled_kernels)
    if path is reference or not in_software(call.query):
        return path(call)
    wide = replace(call, query=call.query.float(), key=call.key.float(), value=call.value.float())
    with torch.autocast("cpu", enabled=False):
        return AttentionOutput(path(wide).context.to(call.value.dtype), None)


def choose(call: Call, compiled_kernels: bool = False) -> Path:
    """The fastest path that serves a call: the first row that holds, by benchmarks/attention_block.py and its kin.

    | score and alignment              | pattern and bias         | and                     | path          |
    |----------------------------------|--------------------------|-------------------------|---------------|
    | inner product, softmax           | tiles, no bias, no mask  | CUDA, no dropout        | ``flex``      |
    | any score, row-wise alignment    | tiles, no bias           |                         | ``tiled``     |
    | inner product, softmax           | on positions, no bias    | compiled kernels wanted | ``compiled``  |
    | inner product, softmax           | on positions, no bias    | CPU, dropout            | ``streamed``  |
    | inner product, softmax           | on positions             |                         | ``sdpa``      |
    | wide score, row-wise alignment   | on positions, no bias    | above ``CHUNK`` entries | ``chunked``   |
    | all else, and all with a state   |                          |                         | ``reference`` |

    Half precision that the CPU has in software only goes through the same paths in float32 (``half``).
    Export and compilation see one graph, without loops over tiles: ``sdpa`` or ``reference``.

    A switch to oneDNN's float32 products for each call was measured too, and left out: on a CPU with AVX2 they are as
    fast as torch's own.
    """
    product = isinstance(call.score, InnerProduct) and isinstance(call.alignment, Softmax) and call.pattern.positional
    plain = call.bias is None and call.pattern.positional and not call.score.stateful and call.alignment.rowwise
    cpu = call.query.device.type == "cpu"
    if torch.compiler.is_compiling():
        return sdpa if product else reference
    if plain and call.pattern.tiles(call.query.shape[2], call.key.shape[2]) is not None:
        return flex if product and not cpu and call.dropout_p == 0.0 and call.mask is None else tiled
    if product and call.bias is None and compiled_kernels:
        return compiled
    if product:
        return streamed if cpu and call.dropout_p > 0.0 and call.bias is None else sdpa
    if plain and call.score.wide and call.query.numel() * call.key.shape[2] > CHUNK:
        return chunked
    return reference


def reference(call: Call) -> AttentionOutput:
    """``attend``, as it is written."""
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


def sdpa(call: Call) -> AttentionOutput:
    """torch's fused kernels, for every score that is an inner product."""
    query, key, scale = _vectors(call)
    causal = False  # torch's own causal mask is aligned otherwise where lengths differ
    if isinstance(call.pattern, Causal) and call.mask is None and call.bias is None and query.shape[2] == key.shape[2]:
        causal = True  # a plain bool, also while lengths are symbols of a compiler
    mask = None if causal else call.masked()[0]
    if call.bias is not None:
        mask = call.bias.to(query.dtype) if mask is None else _as_bias(mask, call.bias.to(query.dtype))
    context = F.scaled_dot_product_attention(
        query, key, call.value, attn_mask=mask, dropout_p=call.dropout_p, is_causal=causal, scale=scale
    )
    return AttentionOutput(context, None)


def streamed(call: Call) -> AttentionOutput:
    """Dropout on a CPU, in pieces that stay in the cache."""
    query, key, scale = _vectors(call)
    causal = isinstance(call.pattern, Causal)
    bands = causal_bands(query.shape[2], key.shape[2]) if causal else None
    return AttentionOutput(
        attend_streamed(query * scale, key, call.value, call.masked()[0], call.dropout_p, bands), None
    )


def compiled(call: Call) -> AttentionOutput:
    """The compiled kernels, where a user asks for them."""
    query, key, scale = _vectors(call)
    causal = isinstance(call.pattern, Causal)
    mask = call.mask if causal else call.masked()[0]
    return AttentionOutput(attend_compiled(query, key, call.value, mask, scale, causal, call.dropout_p), None)


def tiled(call: Call) -> AttentionOutput:
    """Only the tiles of a pattern: time and memory grow linearly with the length under windows and blocks."""
    tiles = call.pattern.tiles(call.query.shape[2], call.key.shape[2])
    assert tiles is not None
    return _in_tiles(call, list(tiles))


def chunked(call: Call) -> AttentionOutput:
    """Some queries at a time, for scores that need every pair's hidden vector, (B, H, L, S, D)."""
    size = max(1, CHUNK * call.query.shape[2] // max(1, call.query.numel() * call.key.shape[2]))
    return _in_tiles(call, query_chunks(call.query.shape[2], size))


def flex(call: Call) -> AttentionOutput:
    """FlexAttention on CUDA: the pattern compiled into the kernel, empty blocks skipped."""
    from torch.nn.attention.flex_attention import flex_attention  # imports the compiler: a second, on first use

    query, key, scale = _vectors(call)
    blocks = _block_mask(call.pattern, query.shape[2], key.shape[2], query.device)
    compiled = torch.compile(flex_attention, dynamic=False)
    return AttentionOutput(compiled(query, key, call.value, block_mask=blocks, scale=scale), None)


@lru_cache(maxsize=8)
def _block_mask(pattern: Pattern, num_queries: int, num_keys: int, device: torch.device) -> Any:
    """Which blocks of a pattern are empty, full or mixed: a pass over all pairs, so made once for a length."""
    from torch.nn.attention.flex_attention import create_block_mask

    offset = pattern.offset(num_queries, num_keys)

    def allowed(batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return pattern.allows(row + offset, column)

    return create_block_mask(allowed, None, None, num_queries, num_keys, device=device)


def _in_tiles(call: Call, tiles: list[Tile]) -> AttentionOutput:
    L, S = call.query.shape[2], call.key.shape[2]
    device, offset = call.query.device, call.pattern.offset(L, S)
    rows, columns = torch.arange(L, device=device) + offset, torch.arange(S, device=device)

    product = isinstance(call.score, InnerProduct) and isinstance(call.alignment, Softmax)
    inner = reference if not product else streamed if call.dropout_p > 0.0 and device.type == "cpu" else sdpa

    def part(query: Tensor, key: Tensor, value: Tensor, tile: Tile) -> Tensor:
        mask = call.pattern.allows(rows[tile.queries, None], columns[tile.keys])
        if call.mask is not None:
            mask = mask & tile_of(call.mask, tile)
        piece = Call(query, key, value, call.score, call.alignment, Full(), mask, dropout_p=call.dropout_p)
        return inner(piece).context

    learnt = [*call.score.parameters(), *call.alignment.parameters()]
    context = attend_tiles(part, tiles, call.query, call.key, call.value, learnt, random=call.dropout_p > 0.0)
    return AttentionOutput(context, None)


def _vectors(call: Call) -> tuple[Tensor, Tensor, float]:
    """The two sides whose inner product, times the scale, is softmaxed."""
    assert isinstance(call.score, InnerProduct)
    assert isinstance(call.alignment, Softmax)
    scale = call.score.scale(call.query.shape[-1]) / call.alignment.temperature
    return *call.score.vectors(call.query, call.key), scale


def _as_bias(mask: Tensor, bias: Tensor) -> Tensor:
    return bias.masked_fill(~mask, -torch.inf)
