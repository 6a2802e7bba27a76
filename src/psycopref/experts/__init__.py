"""What experts see, what comes back from them, and what follows from it."""
