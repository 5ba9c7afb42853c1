"""What labels and weights depend on, as records keep it: what tells them apart from others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from duck_label.config import LabelingConfig


def label_identity(config: LabelingConfig) -> dict[str, Any]:
    """The part of a configuration that labels depend on, as plain JSON values."""
    others = {"memory", "run", "on_bad_rows", "max_bad_share"}
    identity = config.model_dump(mode="json", exclude=others | {"as_of", "weights"})
    for table in ("events", "session"):
        if identity[table] is not None and identity[table]["file"] is not None:
            # Of a file counts what lies in the range of a chunk, not where it lies.
            identity[table]["file"] = "its own"
    return identity


def weight_identity(config: LabelingConfig) -> dict[str, Any]:
    """The part that weights depend on beside, as plain JSON values."""
    return {
        "as_of": config.reference_month(),
        "weights": config.weights.model_dump(mode="json"),
    }


def config_of(identity: Mapping[str, Any]) -> LabelingConfig:
    """The configuration that both identities told of; memory and run are the defaults."""
    month = identity["as_of"]
    as_of = None if month is None else date((month - 1) // 12, (month - 1) % 12 + 1, 1)
    return LabelingConfig.model_validate({**identity, "as_of": as_of})


def weighing_of(config: LabelingConfig, reference_month: int) -> str:
    """What tells the weights of labels apart, in short: those of one weighing are equal.

    `reference_month` is the month that the decay counts from, here or in the input.
    """
    values = config.weights.model_dump(mode="json")
    # Without a decay all months weigh the same.
    values["month"] = reference_month if "decay" in config.weights.factors else None
    text = json.dumps(values, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def recorded(config: LabelingConfig) -> dict[str, Any]:
    """A configuration as records keep it: of a command, which may hold a secret, that it is.

    A cluster's address is one of the same kind where it has more in it than a place.
    """
    values = config.model_dump(mode="json")
    for table, key in (("memory", "alert_command"), ("run", "ray_address")):
        value = values[table][key]
        if value is not None and (key == "alert_command" or set(value) & set("@?#")):
            values[table][key] = "set"
    return values
