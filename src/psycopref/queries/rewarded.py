"""Responses and pairs that have a reward, where a model could not read some (`longer = "skip"`)."""

from collections.abc import Sequence

from psycopref.tables import Failure, Preference, Rating, Reason, Response, content_id


def with_reward(rows: Sequence[Response], rewards: Sequence[Rating]) -> Sequence[Response]:
    """The responses that have a reward; the very same rows where none lacks one."""
    scored = {one.subject_id for one in rewards}
    kept = [row for row in rows if row.response_id in scored]
    return rows if len(kept) == len(rows) else kept


def with_rewards(
    pairs: Sequence[Preference], rewards: Sequence[Rating]
) -> tuple[Sequence[Preference], list[Failure]]:
    """The pairs both of whose responses have a reward, and the others as failures, 'too long'."""
    scored = {one.subject_id for one in rewards}
    kept, lost = [], []
    for row in pairs:
        if {row.chosen_id, row.rejected_id} <= scored:
            kept.append(row)
            continue
        key = content_id("failure", "score", row.preference_id)
        lost.append(Failure(key, row.preference_id, Reason("too long", "score").text()))
    return (kept, lost) if lost else (pairs, lost)
