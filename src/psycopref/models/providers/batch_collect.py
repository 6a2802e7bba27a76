"""Collecting what a batch API has answered, and a clear word about what came back empty."""

from collections.abc import Iterator
from typing import Any

from psycopref.errors import ModelError
from psycopref.models.providers.batch_api import BatchApi, GoneError
from psycopref.models.providers.batch_rows import Haul, codes, listing, row, table
from psycopref.models.providers.batch_submit import Notes, State
from psycopref.store.calls import Reply

_OVER = ("completed", "failed", "expired", "cancelled")


class Collection:
    """The replies of batches that were handed in. Why some have none goes into `why`."""

    def __init__(self, api: BatchApi, notes: Notes, why: list[str]) -> None:
        self._api = api
        self._notes = notes
        self._why = why

    def look(self, state: State) -> list[Reply] | None:
        """The replies of a batch that is over; None where it is not. What cannot be collected is
        said and has no replies.
        """
        try:
            found = self._api.request("GET", f"batches/{state['batch']}")
            if self._api.field(found, "status") not in _OVER:
                return None
            return self._collected(state, found)
        except GoneError:
            where = "another account's or `url`'s, or too old"
            self._why.append(
                f"{self._api.entry.host} 404: no batch {state['batch']} ({where});"
                f" {self._to_delete(state)}"
            )
        except ModelError as error:
            self._why.append(str(error))
        return []

    def _collected(self, state: State, found: dict[str, Any]) -> list[Reply]:
        """The final answers of a batch that is over; calls without one are taken off its list, so
        that the next run hands them in anew.
        """
        haul = Haul()
        for name in ("output_file_id", "error_file_id"):
            if found.get(name):
                self._read(str(found[name]), haul)
        answered = {reply.call_id for reply in haul.replies}
        lost = [call for call in state["calls"] if call not in answered]
        self._why += self._shortfall(state, found, haul, set(lost))
        if lost and not haul.unread:
            self._notes.keep(
                {**state, "calls": [call for call in state["calls"] if call in answered]}
            )
        return haul.replies

    def _shortfall(
        self, state: State, found: dict[str, Any], haul: Haul, lost: set[str]
    ) -> Iterator[str]:
        """Why calls of a batch have no answer and what to do, by what helps."""
        host = self._api.entry.host
        number = len(state["calls"])
        refused = lost & haul.refused
        if refused:
            hint = (
                "running again does not help; check `model`, max_tokens, json_schema, system_role"
                " and the model's context"
            )
            yield (
                f"{host}: {len(refused)} of {number} calls were not"
                f" accepted{listing(haul.refusals)}; {hint}"
            )
        if haul.unread:
            parts = " and ".join(haul.unread)
            yield (
                f"{host}: batch {state['batch']} came with {parts}; run again to read it once more,"
                f" or {self._to_delete(state)}"
            )
        elif lost - refused:
            faults = table(found.get("errors")).get("data")
            found_codes = set(haul.codes)
            for fault in faults if isinstance(faults, list) else []:
                found_codes |= codes(fault)
            missing = (
                f"a batch ended as {found['status']} with {len(lost - refused)} of {number} calls"
                f" unanswered{listing(found_codes)}"
            )
            yield f"{host}: {missing}; run again to hand them in anew"

    def _to_delete(self, state: State) -> str:
        return f"delete {self._notes.path(state)} and run again to hand its calls in anew"

    def _read(self, file: str, haul: Haul) -> None:
        try:
            content: bytes = self._api.request("GET", f"files/{file}/content", raw=True)
        except GoneError:
            haul.unread.append("a file that is not there (404)")
            return
        rows = [row(line) for line in content.split(b"\n") if line.strip()]
        if rows.count(None):
            haul.unread.append(
                f"{rows.count(None)} of {len(rows)} lines that are cut or no answers"
            )
        for found in rows:
            if found is not None:
                haul.take(found)
