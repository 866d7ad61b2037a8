"""Who may do what, what was done, and forgetting."""
