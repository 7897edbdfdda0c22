"""The guide's code runs and prints what the guide says."""

from tests.guide import check_guide


def test_the_guide_prints_what_it_says() -> None:
    check_guide("causal-representation.md", least=5)
