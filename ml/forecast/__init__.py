"""Weekly forecasts four weeks ahead, and how good they would have been."""
