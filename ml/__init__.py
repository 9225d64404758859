"""Models that learn from Gold and write their scores back."""
