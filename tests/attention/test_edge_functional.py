"""The reference over edges equals the dense reference under the adjacency mask, and can be exported."""

import torch
from torch import Tensor, nn

from suite.attention.choices.scores import GATv2Score
from suite.attention.edge_functional import EdgeCall, attend_edges
from suite.attention.functional import attend
from suite.attention.ragged.edges import Edges
from tests.attention.layers.test_graph import N, graph

H, D = 3, 7


def test_equals_dense_attention_under_the_adjacency_mask():
    edge_index = graph()
    edges, score = Edges.from_index(edge_index, N), GATv2Score(H, D).double()
    nodes = [torch.randn(N, H, width, dtype=torch.float64, requires_grad=True) for width in (D, D, 2)]
    sparse = attend_edges(EdgeCall(*nodes, edges, score))
    dense = attend(*(x.transpose(0, 1)[None] for x in nodes), score=score, mask=edges.mask())
    context = dense.context[0].transpose(0, 1)
    torch.testing.assert_close(sparse.context, context)
    torch.testing.assert_close(sparse.weights, dense.weights[0, :, edge_index[1], edge_index[0]].t())
    probe = torch.randn_like(context)
    torch.testing.assert_close(
        torch.autograd.grad(sparse.context, nodes, probe), torch.autograd.grad(context, nodes, probe)
    )


def test_it_can_be_exported():
    edges, score = Edges.from_index(graph(), N), GATv2Score(H, D)
    edges.receivers.ids  # noqa: B018  cached before the export

    class Layer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return attend_edges(EdgeCall(x, x, x, edges, score)).context

    x = torch.randn(N, H, D)
    with torch.no_grad():
        program = torch.export.export(Layer(), (x,))
        assert torch.equal(program.module()(x), Layer()(x))
