"""Multi-head attention against torch's; grouped heads, caches, state, export."""

import pytest
import torch
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.choices.alignments import Entmax15, Hard, Monotonic, Sinkhorn, Sparsemax
from suite.attention.choices.location_scores import LocationSensitive
from suite.attention.choices.patterns import Causal, Window
from suite.attention.choices.positions import Rotary
from suite.attention.choices.scores import Additive
from suite.attention.layers.multihead import KeyValue, MultiheadAttention, merge_heads, split_heads
from tests.attention.choices.test_positions import encodings, names
from tests.attention.conftest import IMPLEMENTATIONS, B, H, L, S

E = 12
POSITIONS = [[], *encodings(4, H)]


def torch_twin(ours: MultiheadAttention, memory_dim: int) -> nn.MultiheadAttention:
    """torch's layer with the weights of ours."""
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
    grouped, full = MultiheadAttention(E, 6, num_kv_heads=2).double(), MultiheadAttention(E, 6).double()
    state = grouped.state_dict()
    for name in ("key_proj.weight", "value_proj.weight", "key_proj.bias", "value_proj.bias"):
        state[name] = state[name].unflatten(0, (2, 2)).repeat_interleave(3, 0).flatten(0, 1)
    full.load_state_dict(state)
    x = torch.randn(B, L, E).double()
    torch.testing.assert_close(grouped(x).context, full(x).context)


@pytest.mark.parametrize("positions", POSITIONS, ids=lambda p: names(p) or "none")
def test_decoding_with_a_cache_equals_one_causal_pass(positions):
    layer = MultiheadAttention(E, H, Attention(pattern=Causal()), positions=positions).double()
    x = torch.randn(B, 6, E).double()
    expected = layer(x).context
    cache: KeyValue | None = None
    steps = []
    for step in x.split([1, 2, 3], dim=1):  # also several new positions at once
        cache = layer.extend(step, cache)
        steps.append(layer(step, cache=cache).context)
    torch.testing.assert_close(torch.cat(steps, dim=1), expected)


def test_the_state_is_an_argument_and_a_result():
    layer = MultiheadAttention(E, H, Attention(LocationSensitive(H, 4)))
    memory = layer.extend(torch.randn(B, S, E))
    query = torch.randn(B, 1, E)
    first = layer(query, cache=memory)
    second = layer(query, cache=memory, previous=first.weights)
    assert second.weights.shape == (B, H, 1, S)
    assert not torch.equal(first.weights, second.weights)
    assert torch.equal(layer(query, cache=memory).weights, first.weights)  # the module keeps no state


def test_padding_a_batch_changes_nothing():
    layer = MultiheadAttention(E, H, Attention(Additive(H, 4))).double()
    x = torch.randn(1, L, E).double()
    padded = torch.cat([x, torch.randn(1, 3, E).double()], dim=1)
    mask = (torch.arange(L + 3) < L)[None, None, None]
    torch.testing.assert_close(layer(padded, mask=mask).context[:, :L], layer(x).context)


def test_heads_split_and_merge():
    x = torch.randn(B, L, E)
    assert split_heads(x, H).shape == (B, H, L, 4)
    assert torch.equal(merge_heads(split_heads(x, H)), x)


def test_bad_sizes_and_arguments_raise():
    with pytest.raises(ValueError, match="embed_dim must be a multiple of num_heads, got 12 and 5"):
        MultiheadAttention(12, 5)
    with pytest.raises(ValueError, match="num_heads must be a multiple of num_kv_heads, got 3 and 2"):
        MultiheadAttention(12, 3, num_kv_heads=2)
    layer = MultiheadAttention(12, 3)
    x = torch.randn(1, 2, 12)
    with pytest.raises(ValueError, match="pass key and value, or cache, not both"):
        layer(x, x, cache=layer.extend(x))


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
    layer = MultiheadAttention(E, H, attention, positions=[Rotary(4)]).double().eval()
    x, mask = torch.randn(B, L, E).double(), torch.ones(B, 1, 1, L, dtype=torch.bool)

    class Context(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return self.layer(x, mask=mask).context

    batch = torch.export.Dim("batch", min=2, max=64)  # the monotonic recurrence needs a fixed number of queries
    program = torch.export.export(Context(), (x, mask), dynamic_shapes={"x": {0: batch}, "mask": {0: batch}})
    other = torch.randn(5, L, E).double()
    other_mask = torch.rand(5, 1, 1, L) > 0.3
    torch.testing.assert_close(program.module()(other, other_mask), layer(other, mask=other_mask).context)


@pytest.mark.parametrize("positions", POSITIONS, ids=lambda p: names(p) or "none")
@pytest.mark.parametrize(
    "attention", EXPORTED[:4], ids=lambda a: f"{type(a.score).__name__}-{type(a.pattern).__name__}"
)
def test_export_takes_any_length(attention, positions):
    layer = MultiheadAttention(E, H, attention, positions=positions).double().eval()
    sizes = {0: torch.export.Dim("batch", min=2, max=64), 1: torch.export.Dim("length", min=2, max=512)}
    program = torch.export.export(layer, (torch.randn(B, L, E).double(),), dynamic_shapes=(sizes,))
    x = torch.randn(4, 11, E).double()
    torch.testing.assert_close(program.module()(x).context, layer(x).context)
