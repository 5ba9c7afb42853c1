"""How hard hypothesis looks: HYPOTHESIS_PROFILE=thorough searches long, ci, dev and quick briefly.

Under `quick`, that of `make test`, tests that label have a few small examples (`lengths.py`).
"""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

_SLOW_BY_NATURE = [HealthCheck.too_slow, HealthCheck.data_too_large]

for name, examples in (("quick", 25), ("dev", 25), ("ci", 40), ("thorough", 1500)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=_SLOW_BY_NATURE
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long tests go first, so that at the end no worker waits for another."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("hypothesis", "long"))))


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """A shell that starts the tests in its background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
