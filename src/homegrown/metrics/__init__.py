"""Pure measurement: numbers in, numbers out. Lies below the stages, so that they can stay apart."""
