"""How hard hypothesis looks: HYPOTHESIS_PROFILE=thorough searches long, ci and dev briefly."""

import os

import pytest
from hypothesis import HealthCheck, settings

_SLOW_BY_NATURE = [HealthCheck.too_slow, HealthCheck.data_too_large]

for name, examples in (("dev", 25), ("ci", 40), ("thorough", 1500)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=_SLOW_BY_NATURE
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long tests go first, so that at the end no worker waits for another."""
    items.sort(key=lambda item: item.get_closest_marker("hypothesis") is None)
