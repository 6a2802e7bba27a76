"""How asks become replies: the ledger first, then budget, pace, retries."""
