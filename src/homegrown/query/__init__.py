"""SQL over every noun → Selection."""
