"""What is kept: digests, Parquet tables, step folders, the ledger of model calls."""
