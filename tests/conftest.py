"""How hard hypothesis looks: HYPOTHESIS_PROFILE=thorough searches long, ci and dev briefly."""

import os

from hypothesis import HealthCheck, settings

_SLOW_BY_NATURE = [HealthCheck.too_slow, HealthCheck.data_too_large]

for name, examples in (("dev", 25), ("ci", 40), ("thorough", 1500)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=_SLOW_BY_NATURE
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
