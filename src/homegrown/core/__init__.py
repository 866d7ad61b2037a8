"""The nouns and the seams: frozen, typed, without input or output."""
