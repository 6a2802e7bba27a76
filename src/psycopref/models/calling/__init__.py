"""How asks become replies. The way of a call:

`lab.ask` (lab.py) hands a stage's asks to `answer_all` (answer.py), which looks each up in the
ledger (store/ledger.py): what is there is given back at once and costs nothing. For the rest there
must be room in the budget (models/budget.py), and among the asks that its model holds: what is too
many waits on disk (spill.py). The dispatcher (dispatch.py), a thread with an event loop, hands it
to the lane of its model (lane.py for endpoints, under a rate limit and a circuit breaker,
rate_limit.py; `_Batches` for what answers in batches of its own), and the lane to the provider
(models/providers, one file per kind, opened by models/connect.py), again and again where that may
help. The reply comes back through the dispatcher's outbox to the caller's thread, is kept in the
ledger in one commit with others, and only then given to the caller.
"""
