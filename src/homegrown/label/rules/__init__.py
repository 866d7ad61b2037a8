"""Rules: votes by conditions and by functions, run over all records, previewed on real ones."""
