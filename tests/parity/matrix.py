"""The matrix of attention: every combination of choices, layouts, implementations and situations, beside the equation.

``run`` builds one case, computes its values and gradients in its situation, and compares them with the plain equation
of ``equations.py`` in float64. A case is "equal", "rejected" by a ValueError, "refused" (a second derivative that the
kernel of torch does not have, which is an error and never a number), or "absent" where the situation does not exist.
"""

# B batch, H heads, L queries, S keys, D width of a query, a key and a value; N nodes

import copy
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu
from torch.utils.checkpoint import checkpoint

from suite.attention import (
    ALIGNMENTS,
    PATTERNS,
    SCORES,
    Attention,
    AttentionPooling,
    Edges,
    SegmentPooling,
    Segments,
    build_attention,
    build_edge_attention,
)
from suite.attention.fast import choose, paths
from tests.parity import equations

B, H, D, SIDE, BANDED = 2, 2, 4, 12, 210  # BANDED keys are enough for a band of 2 to have tiles

PATTERN_CONFIGS = {
    "full": "full",
    "causal": "causal",
    "window": {"name": "window", "left": 1, "right": 1},
    "lengths": {"name": "lengths", "lengths": torch.tensor([SIDE, SIDE - 3])},
    "graph_edges": {"name": "graph_edges", "edge_index": torch.tensor([[0, 3, 5, 1], [1, 1, 2, 0]]), "num_nodes": SIDE},
    "block_sparse": {"name": "block_sparse", "layout": torch.eye(4, dtype=torch.bool).roll(1, 0), "block_size": 3},
    "sinkhorn_blocks": {"name": "sinkhorn_blocks", "partner": torch.tensor([1, 2, 0, 3]), "block_size": 3},
    "global_local": {"name": "global_local", "num_global": 1, "width": 1},
    "axial_rows": {"name": "axial_rows", "height": 3, "width": 4},
    "axial_columns": {"name": "axial_columns", "height": 3, "width": 4},
    "local_monotonic": {"name": "local_monotonic", "width": 1},
    "local_predictive": {"name": "local_predictive", "width": 2},
    "causal & local_predictive": ("causal", "local_predictive"),
    "causal & window": ("causal", "window"),
}
assert set(PATTERNS) <= set(PATTERN_CONFIGS)
COMPILE_BACKEND = {"name": "eager"}  # "aot_eager" also traces the backward pass, and takes seconds a case
BANDS = ("window", "global_local", "local_monotonic", "causal & window")
LAYOUTS = ("self", "cross", "one query", "one key", "pooling", "edges", "segments")
IMPLEMENTATIONS = ("reference", "auto", "compiled", "flex")
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}
SITUATIONS = (
    "plain",
    "checkpoint",
    "reentrant checkpoint",
    "saved-tensor hooks",
    "second derivative",
    "compile",
    "batch",
    "causality",
    *(f"autocast {name}" for name in HALF),
    *(f"half {name}" for name in HALF),
)


class Case(NamedTuple):
    """One cell of the matrix."""

    score: str
    alignment: str
    pattern: str
    layout: str
    implementation: str
    situation: str


FACTORS: tuple[tuple[str, ...], ...] = (
    tuple(SCORES),
    tuple(ALIGNMENTS),
    tuple(PATTERN_CONFIGS),
    LAYOUTS,
    IMPLEMENTATIONS,
    SITUATIONS,
)


def every_case() -> Iterator[Case]:
    """All cells."""
    return itertools.starmap(Case, itertools.product(*FACTORS))


def pairwise(accepted: Callable[[Case], bool], seed: int = 0) -> list[Case]:
    """Cells in which every two values of two factors meet, in an accepted cell wherever there is one."""
    draw = random.Random(seed)
    missing = {
        (a, x, b, y)
        for (a, xs), (b, ys) in itertools.combinations(enumerate(FACTORS), 2)
        for x, y in itertools.product(xs, ys)
    }
    cases = []
    for a, x, b, y in sorted(missing):
        if (a, x, b, y) not in missing:
            continue
        candidates = []
        for _ in range(150):
            values = [draw.choice(factor) for factor in FACTORS]
            values[a], values[b] = x, y
            candidates.append(_towards_accepted(Case(*values), {a, b}, draw))
        candidates.sort(key=lambda case: -sum(pair in missing for pair in _pairs(case)))
        best = next(filter(accepted, candidates), None)
        cases.append(best or next(filter(exists, candidates), candidates[0]))
        missing -= set(_pairs(best)) if best else {(a, x, b, y)}
    return list(dict.fromkeys(cases))


INNER_PRODUCTS = ("dot", "scaled_dot", "general", "cosine", "location_based")


def _towards_accepted(case: Case, pinned: set[int], draw: random.Random) -> Case:
    """The case with the values that its implementation and its layout demand, where these are not pinned."""
    demands: dict[str, tuple[str, ...]] = {}
    if case.implementation == "flex":
        demands = {"score": INNER_PRODUCTS, "alignment": ("softmax",), "pattern": BANDS, "layout": ("self",)}
        demands["situation"] = ("plain",)
    elif case.layout in ("edges", "segments"):
        demands = {"alignment": ("softmax",), "pattern": ("full",)}
        if case.implementation == "compiled":
            demands["score"] = ("gat",)
    elif case.implementation == "compiled":
        demands = {"score": INNER_PRODUCTS, "alignment": ("softmax",)}
    for name, values in demands.items():
        place = Case._fields.index(name)
        if place not in pinned and case[place] not in values:
            case = case._replace(**{name: draw.choice(values)})
    return case


def _pairs(case: Case) -> Iterable[tuple[int, str, int, str]]:
    return ((a, x, b, y) for (a, x), (b, y) in itertools.combinations(enumerate(case), 2))


def exists(case: Case) -> bool:
    """Whether the situation exists: a kernel that has no CPU backward, an order of samples, a causal rule."""
    inner = case.score in INNER_PRODUCTS
    if case.implementation == "flex":
        tiled = case.pattern in BANDS and case.layout == "self" and case.situation == "plain"
        return inner and case.alignment == "softmax" and tiled
    if case.situation == "causality":
        return case.pattern.startswith("causal") and case.layout == "self" and case.alignment != "sinkhorn"
    if case.situation == "batch":  # a pattern of a fixed size has no shorter sample
        fixed = ("graph_edges", "block_sparse", "sinkhorn_blocks", "axial_rows", "axial_columns", "lengths")
        return case.layout in ("self", "pooling", "edges", "segments") and case.pattern not in fixed
    if case.situation == "compile" and case.layout in ("edges", "segments"):
        return case.layout == "segments" or case.implementation != "reference"
    if case.situation.startswith(("autocast", "half")):
        return case.alignment not in ("hard", "straight_through")  # rounding may change which key is the best
    return True


class Built(NamedTuple):
    """A module of a case, and how it is called: inputs, the call, and the equation of the same inputs."""

    module: nn.Module
    inputs: list[Tensor]
    call: Callable[..., Tensor]
    equation: Callable[..., Tensor]


def run(case: Case) -> str:
    """Build and compare one case: "equal", "rejected", "refused" or "absent"; AssertionError where it differs."""
    if not exists(case):
        return "absent"
    torch.manual_seed(0)
    try:
        built = build(case)
    except ValueError:
        return "rejected"
    with patch.object(paths, "CHUNK", 500):
        try:
            return SITUATION_CHECKS.get(case.situation.split()[0], check_plain)(case, built)
        except ValueError as error:
            if _depends_on_lengths(case):
                assert len(str(error)) > 20
                return "rejected"
            raise


def _depends_on_lengths(case: Case) -> bool:
    """Whether a case is rejected at its first call: lengths are no argument of a module."""
    if case.layout not in ("cross", "one query", "one key"):
        return False
    fixed = ("graph_edges", "block_sparse", "sinkhorn_blocks", "axial_rows", "axial_columns", "global_local")
    return case.alignment == "sinkhorn" or case.pattern in fixed or case.pattern in ("causal & local_predictive",)


def build(case: Case, length: int | None = None) -> Built:
    """The module of a case in float64, with random parameters. Raises ValueError for a rejected combination."""
    facts = {"num_heads": H, "head_dim": D}
    config = {"score": case.score, "alignment": case.alignment}
    implementation = case.implementation if case.implementation in ("reference", "compiled") else "auto"
    config["implementation"] = implementation
    chosen = PATTERN_CONFIGS[case.pattern]
    parts = [PATTERN_CONFIGS[name] for name in chosen] if isinstance(chosen, tuple) else [chosen]
    if case.layout in ("edges", "segments"):
        return _build_ragged(case, config | {"pattern": parts[-1]}, facts)
    attention = build_attention(config | {"pattern": parts[-1]}, **facts)
    if len(parts) == 2:
        attention.pattern = build_attention({"pattern": parts[0]}, **facts).pattern & attention.pattern
    size = length or _size(case)
    if case.layout == "pooling":
        pool = randomised(AttentionPooling(D, attention, H, D).eval())
        x = torch.randn(B, size, D, dtype=torch.float64)

        def pooled(x: Tensor, mask: Tensor | None = None) -> Tensor:
            return pool(x, mask, need_weights=case.implementation == "reference").context

        def pooled_equation(reference: nn.Module, x: Tensor) -> Tensor:
            key = reference.key_proj(x).unflatten(-1, (H, -1)).transpose(1, 2)
            query = reference.query[:, None].expand(len(x), -1, -1, -1)
            value = x[:, None].expand(-1, H, -1, -1)
            context: Tensor = equations.attend(case, reference.attention, query, key, value).flatten(1)
            return context

        return Built(pool, [x], pooled, pooled_equation)
    L, S = {"cross": (size - 4, size), "one query": (1, size), "one key": (1, 1)}.get(case.layout, (size, size))
    randomised(attention.eval())
    query, key, value = (torch.randn(B, H, n, D, dtype=torch.float64) for n in (L, S, S))

    def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        return attention(query, key, value, mask=mask).context

    def equation(reference: nn.Module, *inputs: Tensor) -> Tensor:
        return equations.attend(case, reference, *inputs)

    return Built(attention, [query, key, value], attended, equation)


def _size(case: Case) -> int:
    rowwise = case.alignment not in ("monotonic", "sinkhorn", "hard", "straight_through")
    long = case.pattern in BANDS and rowwise and case.layout == "self" and case.implementation in ("auto", "flex")
    return BANDED if long and case.situation not in ("compile", "batch", "causality") else SIDE


INDEX = torch.tensor([[0, 1, 2, 3, 1, 5, 0], [1, 1, 0, 4, 0, 5, 4]])  # nodes 2 and 3 receive nothing
LENGTHS = torch.tensor([3, 0, 4])


def _build_ragged(case: Case, config: dict[str, object], facts: dict[str, int]) -> Built:
    attention = build_edge_attention(config, **facts)
    if case.layout == "edges":
        edges = Edges.from_index(INDEX, 6)
        randomised(attention.eval())
        inputs = [torch.randn(6, H, D, dtype=torch.float64) for _ in range(3)]

        def along(*inputs: Tensor) -> Tensor:
            return attention(*inputs, edges).context

        def dense(reference: nn.Module, *inputs: Tensor) -> Tensor:
            heads = (x.transpose(0, 1)[None] for x in inputs)
            return equations.attend(case, reference, *heads, allowed=edges.mask())[0].transpose(0, 1)

        return Built(attention, inputs, along, dense)
    pool = randomised(SegmentPooling(D, attention, H, D).eval())
    segments, x = Segments.from_lengths(LENGTHS), torch.randn(int(LENGTHS.sum()), D, dtype=torch.float64)

    def pooled(x: Tensor) -> Tensor:
        return pool(x, segments).context

    def each(reference: nn.Module, x: Tensor) -> Tensor:
        sets = []
        for one in x.split(LENGTHS.tolist()):
            key = reference.key_proj(one)[None].unflatten(-1, (H, -1)).transpose(1, 2)
            query, value = reference.query[None, :, None], one[None, None].expand(1, H, -1, -1)
            sets.append(equations.attend(case, reference.attention, query, key, value).flatten(1))
        return torch.cat(sets)

    return Built(pool, [x], pooled, each)


def randomised(module: nn.Module) -> nn.Module:
    """Random parameters in float64: an equation must hold for all values, not only for the initial ones."""
    for parameter in module.double().parameters():
        nn.init.normal_(parameter, std=0.7)
    return module


def gradients(output: Tensor, wanted: list[Tensor], graph: bool = False) -> list[Tensor]:
    """Gradients of a sum of ``output`` with distinct factors."""
    if not output.requires_grad:
        return [torch.zeros_like(x) for x in wanted]
    probe = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return list(torch.autograd.grad((output * probe).sum(), wanted, create_graph=graph, materialize_grads=True))


def check_plain(case: Case, built: Built) -> str:
    """Values and gradients, where the call may be wrapped by a situation."""
    expected, reference = _expected(built)
    inputs = [x.requires_grad_() for x in built.inputs]
    wanted = [*inputs, *built.module.parameters()]
    if case.implementation == "flex":
        return _check_flex(built, expected)
    output = WRAPPERS.get(case.situation, lambda call, *x: call(*x))(built.call, *inputs)
    torch.testing.assert_close(output, expected)
    if case.situation == "reentrant checkpoint":  # refuses torch.autograd.grad
        (output * torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)).sum().backward()
        found = [torch.zeros_like(x) if x.grad is None else x.grad for x in wanted]
    else:
        found = gradients(output, wanted)
    torch.testing.assert_close(found, gradients(expected, reference))
    return "equal"


def _expected(built: Built) -> tuple[Tensor, list[Tensor]]:
    twin = copy.deepcopy(built.module)
    inputs = [x.detach().clone().requires_grad_() for x in built.inputs]
    return built.equation(twin, *inputs), [*inputs, *twin.parameters()]


def _check_flex(built: Built, expected: Tensor) -> str:
    attention = built.module.requires_grad_(False)
    assert isinstance(attention, Attention)
    call = attention._call(*(x.detach() for x in built.inputs), None, None, None)
    with torch.no_grad(), patch.object(torch, "compile", lambda function, **_: function):
        torch.testing.assert_close(paths.flex_path(call).context, expected)
    return "equal"


def check_second_derivative(case: Case, built: Built) -> str:
    """The gradient of a gradient penalty, by inputs and parameters."""
    expected, reference = _expected(built)
    inputs = [x.requires_grad_() for x in built.inputs]
    wanted = [*inputs, *built.module.parameters()]
    results = []
    for output, tensors in ((built.call(*inputs), wanted), (expected, reference)):
        try:
            first = gradients(output.square(), tensors, graph=True)
        except RuntimeError as error:
            assert "is not implemented" in str(error)
            return "refused"
        penalty = sum((g.square().sum() for g in first), torch.zeros((), dtype=torch.float64))
        try:
            results.append(gradients(penalty[None], tensors))
        except RuntimeError as error:
            assert "is not implemented" in str(error)
            return "refused"
    torch.testing.assert_close(*results)
    return "equal"


def check_compile(case: Case, built: Built) -> str:
    """Values and gradients under ``torch.compile``."""
    torch.compiler.reset()
    return check_plain(case, built._replace(call=torch.compile(built.call, backend=COMPILE_BACKEND["name"])))


def check_batch(case: Case, built: Built) -> str:
    """A shorter sample alone has the values that it has behind a longer one in a batch."""
    if case.layout in ("edges", "segments"):
        return check_plain(case, built)  # a node or segment sees its own rows alone, as the equation does
    lengths = torch.tensor([SIDE, SIDE - 3])
    real = torch.arange(SIDE) < lengths[:, None]
    if case.layout == "pooling":
        together = built.call(*built.inputs, real)[1:]
        torch.testing.assert_close(built.call(built.inputs[0][1:, : SIDE - 3]), together)
        return "equal"
    mask = real[:, None, None] & real[:, None, :, None]
    together = built.call(*built.inputs, mask)[1:, :, : SIDE - 3]
    torch.testing.assert_close(built.call(*(x[1:, :, : SIDE - 3] for x in built.inputs)), together)
    return "equal"


def check_causality(case: Case, built: Built) -> str:
    """A row depends on no query and no key after it."""
    later = [torch.cat([x[:, :, :5], torch.randn_like(x[:, :, 5:])], dim=2) for x in built.inputs]
    torch.testing.assert_close(built.call(*later)[:, :, :5], built.call(*built.inputs)[:, :, :5])
    return "equal"


def check_half(case: Case, built: Built) -> str:
    """Tensors and parameters in half precision, on a processor with and without instructions for it."""
    dtype = HALF[case.situation.split()[1]]
    return _check_rounded(case, built, dtype, lambda call, *x: call(*x), dtype)


def check_autocast(case: Case, built: Built) -> str:
    """Float32 parameters under autocast, whose backward pass runs outside of it."""
    dtype = HALF[case.situation.split()[1]]

    def within(call: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype):
            return call(*inputs)

    return _check_rounded(case, built, dtype, within, torch.float32)


def _check_rounded(
    case: Case, built: Built, dtype: torch.dtype, wrap: Callable[..., Tensor], parameters: torch.dtype
) -> str:
    """Compare with the equation of the rounded tensors in float64, within the bound of ``rounding``."""
    for emulates in (True, False):
        module = built.module.to(parameters)
        inputs = [x.detach().to(dtype).requires_grad_() for x in built.inputs]
        twin = copy.deepcopy(module).double()
        exact = [x.detach().double().requires_grad_() for x in inputs]
        expected, tensors = built.equation(twin, *exact), [*exact, *twin.parameters()]
        wanted_gradients = gradients(expected, tensors)
        with patch.object(choose, "emulated", lambda kind, emulates=emulates: emulates and kind in HALF.values()):
            output = wrap(built.call, *inputs)
            found = gradients(output, [*inputs, *module.parameters()])
        if parameters == dtype:
            assert output.dtype == dtype
        assert all(g.dtype == x.dtype for g, x in zip(found, [*inputs, *module.parameters()], strict=True))
        bounds = equations.rounding_bounds(built.equation, twin, exact, dtype, gradients)
        for ours, right, bound in zip([output, *found], [expected, *wanted_gradients], bounds, strict=True):
            assert ours.isfinite().all()
            error = (ours.detach().double() - right.detach()).abs().max() if ours.numel() else torch.zeros(())
            assert error <= bound, f"{case}: error {float(error):.3g}, bound {float(bound):.3g}"
    return "equal"


def _inside_hooks(call: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    with save_on_cpu():
        return call(*inputs)


WRAPPERS: dict[str, Callable[..., Tensor]] = {
    "checkpoint": lambda call, *x: checkpoint(call, *x, use_reentrant=False),
    "reentrant checkpoint": lambda call, *x: checkpoint(call, *x, use_reentrant=True),
    "saved-tensor hooks": _inside_hooks,
}
SITUATION_CHECKS = {
    "second": check_second_derivative,
    "compile": check_compile,
    "batch": check_batch,
    "causality": check_causality,
    "half": check_half,
    "autocast": check_autocast,
}
