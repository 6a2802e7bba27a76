"""The batch API on loopback as a fixture."""

from helpers.batches import provider

__all__ = ["provider"]
