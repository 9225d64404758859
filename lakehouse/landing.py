"""The landing contract: which files are delivered, under which names, with which columns."""

from __future__ import annotations

from typing import NamedTuple


class LandingFile(NamedTuple):
    """One file of a delivery: its name as CSV, the Bronze table it goes to, and its columns as delivered."""

    file: str
    table: str
    columns: tuple[str, ...]

    @property
    def names(self) -> tuple[str, str]:
        """The names under which the file may come: as CSV, or as Parquet."""
        return self.file, f"{self.file.removesuffix('.csv')}.parquet"


# Olist's own column names, misspellings included: Bronze keeps what was delivered.
OLIST = (
    LandingFile(
        "olist_customers_dataset.csv",
        "customers",
        (
            "customer_id",
            "customer_unique_id",
            "customer_zip_code_prefix",
            "customer_city",
            "customer_state",
        ),
    ),
    LandingFile(
        "olist_geolocation_dataset.csv",
        "geolocation",
        (
            "geolocation_zip_code_prefix",
            "geolocation_lat",
            "geolocation_lng",
            "geolocation_city",
            "geolocation_state",
        ),
    ),
    LandingFile(
        "olist_order_items_dataset.csv",
        "order_items",
        (
            "order_id",
            "order_item_id",
            "product_id",
            "seller_id",
            "shipping_limit_date",
            "price",
            "freight_value",
        ),
    ),
    LandingFile(
        "olist_order_payments_dataset.csv",
        "order_payments",
        ("order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value"),
    ),
    LandingFile(
        "olist_order_reviews_dataset.csv",
        "order_reviews",
        (
            "review_id",
            "order_id",
            "review_score",
            "review_comment_title",
            "review_comment_message",
            "review_creation_date",
            "review_answer_timestamp",
        ),
    ),
    LandingFile(
        "olist_orders_dataset.csv",
        "orders",
        (
            "order_id",
            "customer_id",
            "order_status",
            "order_purchase_timestamp",
            "order_approved_at",
            "order_delivered_carrier_date",
            "order_delivered_customer_date",
            "order_estimated_delivery_date",
        ),
    ),
    LandingFile(
        "olist_products_dataset.csv",
        "products",
        (
            "product_id",
            "product_category_name",
            "product_name_lenght",
            "product_description_lenght",
            "product_photos_qty",
            "product_weight_g",
            "product_length_cm",
            "product_height_cm",
            "product_width_cm",
        ),
    ),
    LandingFile(
        "olist_sellers_dataset.csv",
        "sellers",
        ("seller_id", "seller_zip_code_prefix", "seller_city", "seller_state"),
    ),
    LandingFile(
        "product_category_name_translation.csv",
        "product_category_translations",
        ("product_category_name", "product_category_name_english"),
    ),
)

# What only `lakehouse generate` makes; a real shop's tracker and address book would deliver the same columns.
BEHAVIOUR = (
    LandingFile(
        "clickstream_events.csv",
        "clickstream_events",
        (
            "event_id",
            "session_id",
            "visitor_id",
            "customer_unique_id",
            "event_type",
            "event_timestamp",
            "received_at",
            "product_id",
            "order_id",
            "device",
            "browser",
            "referrer",
            "state",
            "provenance",
        ),
    ),
    LandingFile(
        "customer_contacts.csv",
        "customer_contacts",
        ("customer_unique_id", "full_name", "email", "phone", "marketing_consent", "provenance"),
    ),
)

SOURCES = {"olist": (OLIST, BEHAVIOUR)}
"""The files that a whole delivery holds, and those that it may hold."""
