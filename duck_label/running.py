"""How a run goes about its work: its memory, and everything else that can change no label."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from duck_label.fields import Chunk, HomePath, Limit, Model, Size, Threshold


class Memory(Model):
    """The memory budget of the process, and when to act on it (fractions of it; 0 is off)."""

    limit: Limit = Field(
        default="8GB", description="a size, a fraction of the machine such as 0.5, or auto"
    )
    cleanup_threshold: Threshold = Field(
        default=0.8, description="above it, clean up between steps"
    )
    critical_threshold: Threshold = Field(
        default=0.95, description="above it, interrupt, then try smaller"
    )
    emergency_threshold: Threshold = Field(
        default=1.2, description="above it, the promise is broken"
    )
    cleanup_frequency: int = Field(
        default=10, ge=1, description="chunks after which memory is looked at besides"
    )
    alert_command: str | None = Field(
        default=None,
        description="a shell command to run when memory passes a line or recovers",
        examples=["notify-send duck-label"],
    )

    @model_validator(mode="after")
    def _lines_in_order(self) -> Self:
        lines = [
            (name, line)
            for name in ("cleanup_threshold", "critical_threshold", "emergency_threshold")
            if (line := getattr(self, name)) > 0
        ]
        for (lower, below), (upper, above) in pairwise(lines):
            if below > above:
                raise ValueError(f"{lower} = {below} is above {upper} = {above}")
        return self


class Run(Model):
    """How a run goes about its work; none of this can change a label."""

    chunk: Chunk = Field(
        default="auto", description="auto, days, weeks or months (5d, 1w, 1mo) or rows"
    )
    order: Literal["auto", "chronological", "largest-first", "smallest-first"] = Field(
        default="auto", description="the order of the chunks"
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="with Ray, of one task; default: all cores",
        examples=[2],
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="processes that label, each with its share of memory and threads",
    )
    chunk_timeout: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="seconds after which a chunk's worker is ended and the chunk done again",
        examples=[3600],
    )
    engine: Literal["local", "ray"] = Field(
        default="local", description="who labels: this machine, or a Ray cluster"
    )
    ray_address: str | None = Field(
        default=None,
        description="the cluster; default: RAY_ADDRESS, or a new one on this machine",
        examples=["ray-head:6379"],
    )
    temp_dir: HomePath | None = Field(
        default=None, description="where to spill; default: in the output", examples=["/scratch"]
    )
    max_temp_size: Size | None = Field(
        default=None,
        description="the most that may be spilled; default: the free disk",
        examples=["50GB"],
    )
    metrics_file: HomePath | None = Field(
        default=None,
        description="a file of metrics to keep for Prometheus",
        examples=["/var/lib/node_exporter/duck_label.prom"],
    )

    store_patience: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="seconds for which a store that fails is tried again; default: 60",
        examples=[300],
    )

    @property
    def has_workers(self) -> bool:
        """Whether other processes of this machine label: only they can be ended."""
        return self.engine == "local" and (self.workers > 1 or self.chunk_timeout is not None)
