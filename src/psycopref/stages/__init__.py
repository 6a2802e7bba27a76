"""One file per stage: word = file = class = recipe section = step folder."""
