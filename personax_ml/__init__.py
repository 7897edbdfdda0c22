"""What PersonaX knows: independence tests, causal representation learning, the planted world."""
