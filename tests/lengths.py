"""What `make test` takes of tests that take long; `make test-all` and bare pytest take it all."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import Phase, settings

IS_QUICK = settings.get_current_profile_name() == "quick"
# Examples of a test whose every example labels, and the most bars that each has of a symbol.
EXAMPLES, BARS = (4, 10) if IS_QUICK else (settings().max_examples, 40)
# Examples of a test of what another such test has in sight too.
FEW = 2 if IS_QUICK else EXAMPLES
# Such a test shows the example that failed; to look for a smaller one would take minutes.
AS_FOUND = (Phase.explicit, Phase.reuse, Phase.generate)


def long_but(quick: Iterable[Any], values: Iterable[Any]) -> list[Any]:
    """The values of a parameter, all of them long but those that stand for their kind.

    A tuple is the values of several parameters.
    """
    quick, values = list(quick), list(values)
    assert all(value in values for value in quick), f"{quick} are not among {values}"
    return [
        value
        if value in quick
        else pytest.param(
            *(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.long
        )
        for value in values
    ]
