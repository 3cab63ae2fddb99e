"""DIN: the probability that a user likes an item, from attention of the item to the user's past events."""

# B sequences, L events, T candidates, E width, I items (0 is padding), U users (0 is an unknown user), G genres

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.attention.attention import Attention
from suite.attention.build import build_attention
from suite.attention.capture import capture_weights
from suite.attention.choices.patterns import Causal
from suite.attention.choices.scores import Score
from suite.attention.operators.dropout import dropout


class ActivationUnit(Score):
    """DIN's score: a small network of the query, the key, their difference and their product.

    score = w . act(W [query, key, query - key, query * key] + b)   (Zhou et al. 2018, section 4.3 and figure 2)

    SiLU replaces the Dice of the paper. Shape: as every score. ``attention=activation_unit`` selects it.
    """

    def __init__(self, head_dim: int, hidden_dim: int = 36) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(4 * head_dim, hidden_dim), nn.Linear(hidden_dim, 1)

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        query, key = torch.broadcast_tensors(query, key)
        joined = torch.cat([query, key, query - key, query * key], dim=-1)
        return self.out(F.silu(self.hidden(joined)))[..., 0]


class DIN(nn.Module):
    """Deep interest network (Zhou et al. 2018): each event of a window is a sample, with the events before it as past.

    x_i = V[i] + mean over genres g of i of G[g];   key_j = x_j + R[liked_j]
    interest = attend(query = x_candidate, keys and values = key_0 (learned, for an empty past), ..., key_{t-1})
    logit = MLP [interest, x_candidate, interest * x_candidate, sum of traits of the user]

    The paper sums the keys with unnormalized weights; here the alignment of ``attention`` (softmax) normalizes them. No
    user id is a feature, so new users can be scored.

    Args:
        num_items, popularity (I + 1,), genres (I lists), traits (U lists of text): from the data.
        attention: config of ``suite.attention.build.build_attention``; its pattern is joined with ``Causal``.
        embed_dim, hidden_dim, dropout: E, width of the MLP, and dropout of its input and its hidden layer.

    Shape: items, liked (B, L), users (B,) -> logits (B, L), one for each event, from the events before it.

    Raises:
        ValueError: if dropout is outside [0, 1).
    """

    genre_weights: Tensor
    trait_codes: Tensor
    popularity: Tensor

    def __init__(
        self,
        num_items: int,
        popularity: Sequence[int],
        genres: Sequence[Sequence[int]],
        traits: Sequence[Sequence[str]],
        attention: Mapping[str, Any],
        embed_dim: int = 32,
        hidden_dim: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be a probability in [0, 1), got {dropout}")
        self.dropout = dropout
        self.register_buffer("popularity", torch.tensor(popularity, dtype=torch.float32), persistent=False)
        self.register_buffer("genre_weights", _mean_of_genres(genres, num_items), persistent=False)
        self.register_buffer("trait_codes", _codes(traits), persistent=False)
        self.items = nn.Embedding(num_items + 1, embed_dim, padding_idx=0)
        self.genres = nn.Linear(max(1, self.genre_weights.shape[1]), embed_dim, bias=False)
        self.traits = nn.Embedding(int(self.trait_codes.max()) + 1, embed_dim, padding_idx=0)
        self.reaction = nn.Embedding(2, embed_dim)
        self.no_past = nn.Parameter(torch.zeros(embed_dim))
        for table in (self.items.weight, self.traits.weight, self.reaction.weight, self.genres.weight):
            nn.init.normal_(table, std=0.05)
        self.attention = build_attention(attention, num_heads=1, head_dim=embed_dim)
        _check_candidates(self.attention)
        self.attention.pattern = self.attention.pattern & Causal()
        self.mlp_in, self.mlp_out = nn.Linear(4 * embed_dim, hidden_dim), nn.Linear(hidden_dim, 1)

    def forward(self, items: Tensor, liked: Tensor, users: Tensor) -> Tensor:
        """The logit that the user likes the item, for each event of each window."""
        x = self.embed(items)
        past = self.past(x, liked)[:, :-1]
        return self.answer(x, self.attention(x[:, None], past[:, None], past[:, None]).context[:, 0], users)

    def ask(self, items: Tensor, liked: Tensor, lengths: Tensor, users: Tensor, candidates: Tensor) -> Tensor:
        """The logits of candidates (B, T) after the histories (B, L): the same as if each were the next event.

        All candidates are at the position of the next event, where ``forward`` has the event itself.
        """
        past = self.past(self.embed(items), liked)
        x = self.embed(candidates)
        place = lengths[:, None].expand(candidates.shape)
        heads = x[:, None], past[:, None], past[:, None]
        context = self.attention(*heads, query_positions=place).context[:, 0]
        return self.answer(x, context, users)

    def embed(self, items: Tensor) -> Tensor:
        """The sum of item and genre embeddings, (...) -> (..., E)."""
        return self.items(items) + self.genres(self.genre_weights[items])

    def past(self, x: Tensor, liked: Tensor) -> Tensor:
        """Return keys and values (B, L + 1, E): the learned key of an empty past, then each event with its reaction."""
        start = self.no_past.expand(len(x), 1, -1)
        return torch.cat([start, x + self.reaction(liked.long())], dim=1)

    def answer(self, x: Tensor, interest: Tensor, users: Tensor) -> Tensor:
        """Logits (B, T) from candidates and interest (B, T, E)."""
        person = self.traits(self.trait_codes[users]).sum(1)[:, None].expand_as(x)
        joined = dropout(torch.cat([interest, x, interest * x, person], dim=-1), self.dropout, self.training)
        hidden = dropout(F.silu(self.mlp_in(joined)), self.dropout, self.training)
        return self.mlp_out(hidden)[..., 0]

    def scores(self, items: Tensor, lengths: Tensor) -> Tensor:
        """Logits of all items after each history, (B, L) -> (B, I + 1), for an unknown user who liked all events."""
        every = torch.arange(len(self.popularity), device=items.device)[None]
        rows = zip(items.split(1), lengths.split(1), strict=True)
        nobody = torch.zeros(1, dtype=torch.long, device=items.device)
        return torch.cat([self.ask(row, row > 0, length, nobody, every) for row, length in rows])

    def explain(self, items: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``scores``, and the attention of the best item outside the history to each event, (B, L)."""
        scores = self.scores(items, lengths)
        best = scores.scatter(1, items, -torch.inf).index_fill(1, torch.zeros(1, dtype=torch.long), -torch.inf)
        nobody = torch.zeros(len(items), dtype=torch.long, device=items.device)
        with capture_weights(self) as maps:
            self.ask(items, items > 0, lengths, nobody, best.argmax(1, keepdim=True))
        weights = maps["attention"][-1][:, 0, 0, 1:]  # without the key of an empty past
        return scores, weights


def _check_candidates(attention: Attention) -> None:
    """Raise ValueError for choices with which a candidate depends on other candidates, or on the size of a batch."""
    if attention.alignment.stateful or attention.alignment.couples_queries:
        raise ValueError(
            f"with {type(attention.alignment).__name__} a candidate depends on the other candidates, which DIN scores "
            "alone; set attention.alignment=softmax"
        )
    if attention.pattern.fixed_size:
        raise ValueError(
            f"{type(attention.pattern).__name__} is built for one number of positions, and histories have any; "
            "set attention.pattern=full"
        )


def _mean_of_genres(genres: Sequence[Sequence[int]], num_items: int) -> Tensor:
    """Weights (I + 1, G) whose product with an embedding is the mean over the genres of an item."""
    width = 1 + max((number for numbers in genres for number in numbers), default=0)
    weights = torch.zeros(num_items + 1, width)
    for item, numbers in enumerate(genres, start=1):
        for number in numbers:
            weights[item, number] = 1.0 / len(numbers)
    return weights


def _codes(traits: Sequence[Sequence[str]]) -> Tensor:
    """The number of each trait of each user, (U + 1, columns); row 0 is an unknown user, code 0 an unknown trait."""
    columns = list(zip(*traits, strict=True)) or [()]
    names = sorted({(place, value) for place, column in enumerate(columns) for value in column})
    code = {name: number for number, name in enumerate(names, start=1)}
    rows = [[code[place, value] for place, value in enumerate(row)] for row in traits]
    return torch.tensor([[0] * len(columns), *rows], dtype=torch.long)
