"""The batch API on loopback, for all tests of providers."""

from helpers.batches import provider

__all__ = ["provider"]
