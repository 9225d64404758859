"""Data quality: what is expected of each layer's tables, and what was found."""

import logging
import os

# Great Expectations reads this when it is imported; nothing about a run leaves the machine.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
# dbt has every library's notes printed; results come to the user in our words.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
