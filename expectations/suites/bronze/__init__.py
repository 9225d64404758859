"""What can be wrong with a delivery, seen before anything is built from it.

A file without the columns or the rows of its contract, a broken zip, and a file that is there already never come
here: the ingest refuses the first two and passes over the third.
"""

from __future__ import annotations

from expectations.checks import Suite
from expectations.suites.bronze.behaviour import CONTACTS, EVENTS, EVENTS_BY_DAY, EVENTS_BY_DEVICE, EVENTS_BY_TYPE
from expectations.suites.bronze.deliveries import DELIVERIES
from expectations.suites.bronze.master_data import CUSTOMERS, PRODUCTS_BY_CATEGORY
from expectations.suites.bronze.order_lines import (
    ORDER_ITEMS,
    ORDER_ITEMS_BY_CATEGORY,
    ORDER_PAYMENTS,
    ORDER_REVIEWS,
)
from expectations.suites.bronze.orders import ORDERS, ORDERS_BY_DAY, ORDERS_TO_LAST_DELIVERY

SUITES: tuple[Suite, ...] = (
    DELIVERIES,
    ORDERS,
    ORDERS_TO_LAST_DELIVERY,
    ORDERS_BY_DAY,
    ORDER_ITEMS,
    ORDER_ITEMS_BY_CATEGORY,
    PRODUCTS_BY_CATEGORY,
    CUSTOMERS,
    ORDER_PAYMENTS,
    ORDER_REVIEWS,
    EVENTS,
    EVENTS_BY_TYPE,
    EVENTS_BY_DEVICE,
    EVENTS_BY_DAY,
    CONTACTS,
)
"""The checks after the ingest."""
