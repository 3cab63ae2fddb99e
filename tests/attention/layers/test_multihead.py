"""Multi-head attention against torch's, grouped heads, positions, caches, pooling, export."""

import pytest
import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Entmax15, Hard, Monotonic, Sinkhorn, Sparsemax
from suite.attention.choices.location_scores import LocationSensitive
from suite.attention.choices.patterns import Causal, Window
from suite.attention.choices.positions import Alibi, RelativeBias, RelativeKeys, Rotary
from suite.attention.choices.scores import Additive, Dot, GATScore, GATv2Score, ScaledDot
from suite.attention.edge_attention import EdgeAttention
from suite.attention.layers.blocks import DecoderBlock, EncoderBlock, FeedForward, Reversible
from suite.attention.layers.multihead import KeyValue, MultiheadAttention, merge_heads, split_heads
from suite.attention.layers.pooling import AttentionPooling, GatedProjection, SegmentPooling
from suite.attention.ragged.segments import Segments
from tests.attention.compiler import IMPLEMENTATIONS

B, L, S, E, H = 2, 5, 7, 12, 3


def torch_twin(ours: MultiheadAttention, memory_dim: int) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(E, H, kdim=memory_dim, vdim=memory_dim, batch_first=True).double()
    layers = (ours.query_proj, ours.key_proj, ours.value_proj)
    with torch.no_grad():
        for layer in (*layers, ours.output_proj):
            nn.init.normal_(layer.bias)
        if memory_dim == E:
            theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        else:
            for name, layer in zip("qkv", layers, strict=True):
                getattr(theirs, f"{name}_proj_weight").copy_(layer.weight)
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
        theirs.out_proj.load_state_dict(ours.output_proj.state_dict())
    return theirs


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("cross", [False, True])
def test_equals_torch_multihead_attention_in_values_and_gradients(implementation, cross):
    torch.manual_seed(0)
    memory_dim = 8 if cross else E
    ours = MultiheadAttention(E, H, Attention(implementation=implementation), memory_dim=memory_dim).double()
    theirs = torch_twin(ours, memory_dim)
    query = torch.randn(B, L, E, dtype=torch.float64, requires_grad=True)
    memory = torch.randn(B, S, memory_dim, dtype=torch.float64, requires_grad=True) if cross else query
    key_mask = torch.arange(memory.shape[1]) < torch.tensor([[4], [memory.shape[1]]])
    mine = ours(query, memory if cross else None, mask=key_mask[:, None, None])
    twin, twin_weights = theirs(query, memory, memory, key_padding_mask=~key_mask, average_attn_weights=False)
    torch.testing.assert_close(mine.context, twin)
    torch.testing.assert_close(
        ours(query, memory, mask=key_mask[:, None, None], need_weights=True).weights, twin_weights
    )
    inputs = (query, memory) if cross else (query,)
    torch.testing.assert_close(
        torch.autograd.grad(mine.context.square().sum(), inputs), torch.autograd.grad(twin.square().sum(), inputs)
    )


def test_grouped_heads_equal_heads_with_repeated_projections():
    torch.manual_seed(0)
    grouped, whole = MultiheadAttention(E, 6, num_kv_heads=2), MultiheadAttention(E, 6)
    state = grouped.state_dict()
    for name in ("key_proj.weight", "value_proj.weight", "key_proj.bias", "value_proj.bias"):
        state[name] = state[name].unflatten(0, (2, 2)).repeat_interleave(3, 0).flatten(0, 1)
    whole.load_state_dict(state)
    x = torch.randn(B, L, E)
    torch.testing.assert_close(grouped(x).context, whole(x).context)


def positions(head_dim: int, heads: int) -> list[list[nn.Module]]:
    torch.manual_seed(1)
    learnt = RelativeBias(heads, num_buckets=8, max_distance=20)
    nn.init.normal_(learnt.table)
    return [
        [],
        [Rotary(head_dim)],
        [learnt],
        [RelativeKeys(head_dim, 3)],
        [Alibi(heads)],
        [Rotary(head_dim), Alibi(heads)],
    ]


@pytest.mark.parametrize("notions", positions(4, H), ids=lambda p: "+".join(type(x).__name__ for x in p) or "none")
def test_decoding_with_a_cache_equals_one_causal_pass(notions):
    layer = MultiheadAttention(E, H, Attention(pattern=Causal()), positions=notions)
    x = torch.randn(B, 6, E)
    whole = layer(x).context
    cache: KeyValue | None = None
    pieces = []
    for piece in x.split([1, 2, 3], dim=1):  # several new positions at once, too
        cache = layer.extend(piece, cache)
        pieces.append(layer(piece, cache=cache).context)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("notions", positions(4, H)[1:], ids=lambda p: "+".join(type(x).__name__ for x in p))
def test_relative_positions_do_not_see_a_common_shift(notions):
    layer = MultiheadAttention(E, H, Attention(pattern=Window(2, 2)), positions=notions)
    x = torch.randn(1, 9, E)
    shifted = torch.cat([torch.randn(1, 4, E), x], dim=1)
    torch.testing.assert_close(layer(shifted).context[:, 6:], layer(x).context[:, 2:], atol=1e-5, rtol=1e-5)


def test_rotary_equals_rotation_in_the_complex_plane():
    x = torch.randn(1, 2, 5, 6)
    ours = Rotary(6).rotate(x, start=3)
    angle = torch.arange(3, 8)[:, None] * 10000.0 ** (-torch.arange(3) * 2 / 6)
    turned = torch.complex(x[..., :3], x[..., 3:]) * torch.polar(torch.ones_like(angle), angle)
    torch.testing.assert_close(ours, torch.cat([turned.real, turned.imag], -1))


def test_shaw_positions_follow_their_equation():
    relative = RelativeKeys(4, max_distance=2)
    query, key = torch.randn(1, 1, 5, 4), torch.randn(1, 1, 5, 4)
    ours = ScaledDot()(query, key) + relative.bias(query, 5)
    for i in range(5):
        for j in range(5):
            a = relative.vectors[min(max(j - i, -2), 2) + 2]
            torch.testing.assert_close(ours[0, 0, i, j], query[0, 0, i] @ (key[0, 0, j] + a) / 2)  # eq. 5, sqrt(4)


def test_state_goes_in_and_comes_out_of_heads():
    layer = MultiheadAttention(E, H, Attention(LocationSensitive(H, 4)))
    memory = layer.extend(torch.randn(B, S, E))
    query = torch.randn(B, 1, E)
    first = layer(query, cache=memory)
    second = layer(query, cache=memory, previous=first.weights)
    assert second.weights.shape == (B, H, 1, S)
    assert not torch.equal(first.weights, second.weights)
    assert torch.equal(layer(query, cache=memory).weights, first.weights)  # nothing stayed on the module


def test_padding_a_batch_changes_nothing():
    layer = MultiheadAttention(E, H, Attention(Additive(H, 4)))
    x = torch.randn(1, L, E)
    padded = torch.cat([x, torch.randn(1, 3, E)], dim=1)
    mask = (torch.arange(L + 3) < L)[None, None, None]
    torch.testing.assert_close(layer(padded, mask=mask).context[:, :L], layer(x).context)


def test_counts_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="embed_dim must be a multiple of num_heads, got 12 and 5"):
        MultiheadAttention(12, 5)
    with pytest.raises(ValueError, match="num_heads must be a multiple of num_kv_heads, got 3 and 2"):
        MultiheadAttention(12, 3, num_kv_heads=2)
    with pytest.raises(ValueError, match="rotary positions pair features, so head_dim must be even; got 3"):
        Rotary(3)
    with pytest.raises(ValueError, match="num_buckets must be a multiple of 4, got 6"):
        RelativeBias(2, num_buckets=6)
    layer = MultiheadAttention(12, 3)
    x = torch.randn(1, 2, 12)
    with pytest.raises(ValueError, match="pass key and value, or cache, not both"):
        layer(x, x, cache=layer.extend(x))


def test_heads_split_and_merge():
    x = torch.randn(B, L, E)
    assert split_heads(x, H).shape == (B, H, L, 4)
    assert torch.equal(merge_heads(split_heads(x, H)), x)


@pytest.mark.parametrize(
    "score", [None, Additive(2, 5), GATScore(2, 5), GATv2Score(2, 5)], ids=lambda s: type(s).__name__
)
def test_pooling_agrees_between_padded_and_ragged(score):
    pool = AttentionPooling(6, None if score is None else Attention(score), num_heads=2, head_dim=5).double()
    over_segments = SegmentPooling(6, None if score is None else EdgeAttention(score), num_heads=2, head_dim=5).double()
    over_segments.load_state_dict(pool.state_dict())
    lengths = torch.tensor([3, 0, 4, 1])
    x = torch.randn(4, 4, 6, dtype=torch.float64, requires_grad=True)
    mask = torch.arange(4) < lengths[:, None]
    dense, ragged = pool(x, mask), over_segments(x[mask], Segments.from_lengths(lengths))
    torch.testing.assert_close(dense.context, ragged.context)
    torch.testing.assert_close(dense.weights[:, :, 0].transpose(1, 2)[mask], ragged.weights)
    assert (ragged.context[1] == 0).all()
    a, b = (torch.autograd.grad(out.context.square().sum(), x)[0] for out in (dense, ragged))
    torch.testing.assert_close(a, b)
    with pytest.raises(ValueError, match=r"mask must be \(batch, length\) = \(4, 4\), got \(4, 1\)"):
        pool(x, mask[:, :1])


def test_gated_keys_follow_the_papers_sum():
    gated = GatedProjection(6, 5).double()
    pool = AttentionPooling(6, Attention(Dot()), head_dim=5, key_proj=gated).double()
    x = torch.randn(1, 4, 6, dtype=torch.float64)
    content, gate = (x[0] @ layer.weight.T + layer.bias for layer in (gated.content, gated.gate))
    weights = ((content.tanh() * torch.sigmoid(gate)) @ pool.query[0]).softmax(0)  # Ilse et al. 2018, eq. 8-9
    output = pool(x)
    torch.testing.assert_close(output.weights[0, 0, 0], weights)
    torch.testing.assert_close(output.context[0], weights @ x[0])


def small_decoder() -> tuple[EncoderBlock, DecoderBlock]:
    encoder = EncoderBlock(MultiheadAttention(E, H), FeedForward(E, 17))
    own = MultiheadAttention(E, H, Attention(pattern=Causal()))
    return encoder, DecoderBlock(own, MultiheadAttention(E, H), FeedForward(E, 17))


def test_encoder_block_equals_torch_with_the_norm_first():
    ours = EncoderBlock(MultiheadAttention(E, H), FeedForward(E, 17)).double()
    theirs = nn.TransformerEncoderLayer(E, H, 17, 0.0, "gelu", batch_first=True, norm_first=True).double()
    theirs.self_attn = torch_twin(ours.attention, E)
    for mine, twin in ((ours.feed_forward.up, theirs.linear1), (ours.feed_forward.down, theirs.linear2)):
        twin.load_state_dict(mine.state_dict())
    x = torch.randn(B, L, E).double()
    torch.testing.assert_close(ours(x), theirs.train()(x))


def test_decoder_block_steps_equal_one_pass():
    encoder, decoder = small_decoder()
    memory = decoder.remember(encoder(torch.randn(B, S, E)))
    x = torch.randn(B, L, E)
    whole = decoder(x, memory)
    cache, steps = None, []
    for t in range(L):
        cache = decoder.extend(x[:, t : t + 1], cache)
        steps.append(decoder(x[:, t : t + 1], memory, cache=cache))
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_reversible_block_returns_its_input_and_the_plain_gradients():
    f, g = EncoderBlock(MultiheadAttention(E, H), FeedForward(E, 5)).double(), nn.Linear(E, E).double()
    block = Reversible(f, g)
    x = [torch.randn(B, L, E, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    y = block(*x)
    for back, there in zip(block.inverse(*y), x, strict=True):
        torch.testing.assert_close(back, there)
    first = x[0] + f(x[1])
    plain = (first, x[1] + g(first))
    learnt = (*x, *block.parameters())
    ours, wanted = (torch.autograd.grad((a.square() + 2 * b).sum(), learnt) for a, b in (y, plain))
    torch.testing.assert_close(ours, wanted)
    with pytest.raises(ValueError, match="run twice and must agree: set their dropout to 0"):
        Reversible(nn.Dropout(0.1), g)(*x)


EXPORTED = [
    Attention(),
    Attention(pattern=Causal()),
    Attention(pattern=Window(2, 2)),
    Attention(Additive(H, 4)),
    Attention(alignment=Sparsemax()),
    Attention(alignment=Entmax15()),
    Attention(alignment=Sinkhorn()),
    Attention(alignment=Monotonic()),
    Attention(alignment=Hard()),
]


@pytest.mark.parametrize("attention", EXPORTED, ids=lambda a: f"{type(a.score).__name__}-{type(a.alignment).__name__}")
def test_export_keeps_the_values(attention):
    layer = MultiheadAttention(E, H, attention, positions=[Rotary(4)]).eval()
    x, mask = torch.randn(B, L, E), torch.ones(B, 1, 1, L, dtype=torch.bool)

    class Context(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return self.layer(x, mask=mask).context

    batch = torch.export.Dim("batch", min=2, max=64)  # the monotonic recurrence needs a fixed number of queries
    program = torch.export.export(Context(), (x, mask), dynamic_shapes={"x": {0: batch}, "mask": {0: batch}})
    other = torch.randn(5, L, E)
    other_mask = torch.rand(5, 1, 1, L) > 0.3
    torch.testing.assert_close(program.module()(other, other_mask), layer(other, mask=other_mask).context)


@pytest.mark.parametrize("notions", positions(4, H), ids=lambda p: "+".join(type(x).__name__ for x in p) or "none")
@pytest.mark.parametrize(
    "attention", EXPORTED[:4], ids=lambda a: f"{type(a.score).__name__}-{type(a.pattern).__name__}"
)
def test_export_takes_any_length(attention, notions):
    layer = MultiheadAttention(E, H, attention, positions=notions).eval()
    sizes = {0: torch.export.Dim("batch", min=2, max=64), 1: torch.export.Dim("length", min=2, max=512)}
    program = torch.export.export(layer, (torch.randn(B, L, E),), dynamic_shapes=(sizes,))
    x = torch.randn(4, 11, E)
    torch.testing.assert_close(program.module()(x).context, layer(x).context, atol=1e-5, rtol=1e-5)
