"""Language models seen from outside."""
