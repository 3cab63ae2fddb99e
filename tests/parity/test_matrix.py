"""Every combination of attention equals its equation in every situation, or is rejected in one sentence."""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

import pytest
import torch

from tests.attention.conftest import COMPILER
from tests.parity import matrix
from tests.parity.matrix import Case


@pytest.fixture(autouse=True)
def quiet_and_one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of flex without a compiler, and of the compiler
        yield
    torch.set_num_threads(threads)
    torch.compiler.reset()


def count(cases: Iterable[Case]) -> Counter[str]:
    """How many cases have each outcome. Raises AssertionError with the cases that differ."""
    outcomes: Counter[str] = Counter()
    different = []
    for case in cases:
        if case.implementation == "compiled" and COMPILER is None:
            continue
        try:
            outcomes[matrix.run(case)] += 1
        except Exception as error:
            outcomes["different"] += 1
            different.append(f"{tuple(case)}: {type(error).__name__}: {str(error).strip()[:300]}")
    counts = ", ".join(f"{name} {outcomes[name]}" for name in ("equal", "rejected", "refused", "different"))
    print(f"\nmatrix of attention: {counts} (refused: second derivatives of torch's kernel)")
    assert not different, "\n".join(different[:20])
    return outcomes


def accepted(case: Case) -> bool:
    """Whether a case exists and its module is built and called."""
    return matrix.exists(case) and _works(case._replace(situation="plain"))


@cache
def _works(case: Case) -> bool:
    try:
        built = matrix.build(case)
        with torch.no_grad():
            built.call(*built.inputs)
    except ValueError:
        return False
    return True


def test_every_pair_of_values_of_two_factors() -> None:
    outcomes = count(dict.fromkeys(case for seed in (0, 1) for case in matrix.pairwise(accepted, seed)))
    assert outcomes["equal"] > 300
    assert outcomes["rejected"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("layout", matrix.LAYOUTS)
@pytest.mark.parametrize("situation", matrix.SITUATIONS)
def test_every_combination(layout: str, situation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(matrix.COMPILE_BACKEND, "name", "aot_eager")
    cases = [case for case in matrix.every_case() if (case.layout, case.situation) == (layout, situation)]
    if situation == "compile":  # a compilation takes seconds; the others of a kind trace the same operators
        cases = [case for case in cases if case.score in ("scaled_dot", "additive", "gat")]
        cases = [case for case in cases if case.alignment in ("softmax", "entmax15", "monotonic")]
    count(cases)


REJECTED = [  # a case, and the sentence
    (("additive", "sparsemax", "full", "edges"), "supports only the alignment softmax .* set attention.alignment="),
    (("additive", "softmax", "window", "segments"), "are themselves the pattern, .* set attention.pattern=full"),
    (("location_based", "softmax", "full", "edges"), "edges and segments have no order of keys; set attention.score="),
    (("dot", "softmax", "window", "pooling"), "no position among the keys, which Window needs; set attention.pattern="),
    (("dot", "sinkhorn", "full", "pooling"), "pooling has one query; set attention.alignment=softmax"),
]


@pytest.mark.parametrize(("choices", "sentence"), REJECTED)
def test_a_rejected_combination_says_why_and_what_to_set(choices: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        matrix.build(Case(*choices, "auto", "plain"))
    assert "\n" not in str(error.value)
    assert not re.search(r"\. [A-Z]", str(error.value))


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler to build the optional kernels with")
@pytest.mark.parametrize(("score", "alignment"), [("additive", "softmax"), ("dot", "entmax15")])
def test_choices_without_a_kernel_are_rejected(score: str, alignment: str) -> None:
    with pytest.raises(ValueError, match="computes inner-product scores with softmax"):
        matrix.build(Case(score, alignment, "full", "self", "compiled", "plain"))
