"""Data quality: what is expected of each layer's tables, and what was found."""

import os

# Great Expectations reads this when it is imported; nothing about a run leaves the machine.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
