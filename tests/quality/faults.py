"""Tables that go wrong: each fault, and the one check that sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


class Fault(NamedTuple):
    """What goes wrong with a table, and the one check that sees it."""

    check: str
    table: str
    damage: Callable[[DataFrame], DataFrame]


def put(**columns: str) -> Callable[[DataFrame], DataFrame]:
    """Every row with some columns made anew, by expressions of SQL."""
    return lambda table: table.withColumns({column: F.expr(new) for column, new in columns.items()})


def only(condition: str) -> Callable[[DataFrame], DataFrame]:
    return lambda table: table.where(condition)


def drops(*counts: int, days: int = 1) -> Callable[[DataFrame], DataFrame]:
    """Deliveries of a first drop and of some later ones, each with so many rows in every file."""

    def damage(table: DataFrame) -> DataFrame:
        moved = [
            table.withColumns(
                {
                    "row_count": F.lit(count).cast("bigint"),
                    "_batch_id": F.lit(f"drop {number}"),
                    "_delivered_on": F.expr(f"date_add(date '2018-03-01', {days * number})"),
                    "_ingested_at": F.expr(f"_ingested_at + interval {number} days"),
                }
            )
            for number, count in enumerate((9_999, *counts))
        ]
        together = moved[0]
        for part in moved[1:]:
            together = together.union(part)
        return together

    return damage


def stay_behind(table: DataFrame) -> DataFrame:
    return drops(100)(table).where("table_name != 'order_items' or _batch_id = 'drop 0'")


def old_drop(table: DataFrame) -> DataFrame:
    return table.withColumn("_delivered_on", F.expr("date '2019-12-31'"))


BRONZE_FAULTS = (
    Fault("lines_were_no_records", "bronze__deliveries", put(rejected_count="row_count")),
    Fault("drop_was_short", "bronze__deliveries", drops(100, 100, 100, 40)),
    Fault("days_were_skipped", "bronze__deliveries", drops(100, days=5)),
    Fault("lines_came_without_their_orders", "bronze__deliveries", stay_behind),
    Fault("orders_drop_was_stale", "bronze__orders", old_drop),
    Fault("prices_were_unreadable", "bronze__order_items", put(price="replace(price, '.', ',')")),
    Fault(
        "dear_products_lost_their_price",
        "bronze__order_items",
        put(price="case when cast(price as double) > 150 then cast(price / 1000 as string) else price end"),
    ),
    Fault("category_stopped_selling", "bronze__order_items", lambda table: without_the_rarest(table)),
    Fault("people_lost_their_second_orders", "bronze__customers", put(customer_unique_id="customer_id")),
    Fault(
        "payments_changed_their_unit", "bronze__order_payments", put(payment_value="replace(payment_value, '.', '')")
    ),
    Fault(
        "review_scale_was_turned_round",
        "bronze__order_reviews",
        put(review_score="cast(6 - cast(review_score as int) as string)"),
    ),
    Fault(
        "events_arrived_days_late",
        "bronze__clickstream_events",
        put(received_at="concat(date_add(to_date(substr(received_at, 1, 10)), 9), substr(received_at, 11))"),
    ),
    Fault("visitors_were_not_recognised", "bronze__clickstream_events", put(customer_unique_id="''")),
)


def without_the_rarest(table: DataFrame) -> DataFrame:
    products = table.sparkSession.table("bronze.products").where("product_category_name != ''")
    rarest = (
        table.join(products, "product_id")
        .groupBy("product_category_name")
        .count()
        .orderBy("count", "product_category_name")
        .limit(1)
        .select("product_category_name")
    )
    return table.join(products.join(rarest, "product_category_name").select("product_id"), "product_id", "left_anti")


TABLE_FAULTS = (
    Fault("table_lost_rows", "silver__sessions", only("session_id > '3'")),
    Fault("quarantine_was_noticeable", "silver__quarantined_orders", lambda table: quarantined(table, 0.04)),
    Fault("as_of_date_went_back", "silver__as_of", put(as_of_date="date_sub(as_of_date, 1)")),
    Fault("one_order_moved_the_as_of_date", "silver__as_of", put(as_of_date="date_add(as_of_date, 400)")),
    Fault(
        "orders_lost_their_items",
        "silver__order_items",
        put(order_id="case when order_id > '4' then order_id else 'no order' end"),
    ),
    Fault("payments_disagreed_with_prices", "silver__order_payments", put(payment_value="payment_value / 100")),
    Fault(
        "cancellations_jumped",
        "silver__orders",
        put(order_status="case when order_id < '2' then 'canceled' else order_status end"),
    ),
    Fault(
        "deliveries_lost_their_date",
        "silver__orders",
        put(delivered_to_customer_at="case when order_id > '2' then delivered_to_customer_at end"),
    ),
    Fault("review_dates_were_lost", "silver__order_reviews", put(answered_at="cast(null as timestamp)")),
    Fault("products_lost_their_category", "silver__products", put(category="'unknown'")),
    Fault("products_lost_their_measures", "silver__products", put(weight_g="cast(null as int)")),
    Fault("customers_moved_to_one_state", "silver__customers", put(state="'SP'")),
    Fault("people_shared_an_address", "silver__customer_contacts", put(email="'nobody@example.com'")),
    Fault(
        "tracker_and_shop_disagreed_on_the_hour",
        "silver__clickstream_events",
        put(event_at="event_at + interval 3 hours"),
    ),
    Fault("programs_flooded_the_shop", "silver__sessions", put(is_bot="is_bot or session_id < '4'")),
    Fault("table_lost_rows", "gold__dim_date", only("date_day > date '2017-06-01'")),
    Fault(
        "month_of_the_past_changed",
        "gold__fct_order_items",
        put(revenue="case when month(purchased_at) = 5 then revenue * 2 else revenue end"),
    ),
    Fault(
        "order_value_broke_away",
        "gold__weekly_revenue",
        lambda table: put(
            orders="orders * 20",
            average_order_value="average_order_value * case when week_start >= date '2018-05-25' then 100 else 1 end",
        )(table),
    ),
    Fault("everybody_lapsed_at_once", "gold__customer_360", put(recency_days="recency_days + 365")),
    Fault("returning_customers_vanished", "gold__customer_360", put(frequency="least(frequency, 1)")),
    Fault(
        "segment_shares_shifted",
        "gold__customer_360",
        put(rfm_segment="case when rfm_segment = 'champion' then 'loyal' else rfm_segment end"),
    ),
    Fault("forecast_of_value_jumped", "gold__customer_value", put(expected_revenue="expected_revenue * 3")),
    Fault(
        "one_person_outweighed_the_rest",
        "gold__interaction_matrix",
        lambda table: table.withColumn("customer_unique_id", F.lit("guest")),
    ),
    Fault(
        "interactions_changed_their_strength", "gold__interaction_matrix", put(interaction_strength="3 * views + 15")
    ),
    Fault("repurchase_rate_moved", "gold__churn_examples", put(days_to_next_purchase="cast(null as int)")),
    Fault("features_lost_deliveries", "gold__churn_examples", put(delivered_orders="0")),
    Fault("conversion_broke_away", "gold__conversion_funnel", put(sessions_with_purchase="0")),
    Fault("referrers_turned_direct", "gold__conversion_funnel", put(referrer="'direct'")),
    Fault("referrers_turned_direct", "gold__conversion_funnel", put(referrer="'unknown'")),
    Fault("deliveries_turned_late", "gold__product_performance", put(late_units="delivered_units")),
    Fault("places_lost_their_coordinates", "gold__dim_customer", put(latitude="cast(null as double)")),
)


def with_something_bought(table: DataFrame) -> DataFrame:
    """Recommendations of which everybody's first is a product that they have."""
    bought = (
        table.sparkSession.table("gold.interaction_matrix")
        .where("purchases > 0")
        .groupBy("customer_unique_id")
        .agg(F.min("product_id").alias("bought_product_id"))
    )
    first = F.expr("case when rank = 1 then coalesce(bought_product_id, product_id) else product_id end")
    return table.join(bought, "customer_unique_id", "left").withColumn("product_id", first).drop("bought_product_id")


SCORE_FAULTS = (
    Fault("scores_were_lost", "ml__product_recommendations", only("rank <= 8")),
    Fault("scored_series_or_pairs_became_few", "ml__similar_products", only("product_id > '8'")),
    Fault("scores_were_stale", "ml__buy_again", put(as_of_date="date_sub(as_of_date, 30)")),
    Fault(
        "people_got_no_recommendation",
        "ml__product_recommendations",
        put(customer_unique_id="case when customer_unique_id > '8' then 'nobody' else customer_unique_id end"),
    ),
    Fault("bought_products_were_proposed", "ml__product_recommendations", with_something_bought),
    Fault("proposed_products_became_few", "ml__product_recommendations", put(product_id="'the same'")),
    Fault("people_got_no_churn_score", "ml__churn_scores", lambda table: table.union(table)),
    Fault(
        "repurchase_probabilities_broke_away", "ml__churn_scores", put(churn_probability="0.5d * churn_probability")
    ),
    Fault("everybody_got_one_probability", "ml__churn_scores", put(churn_probability="0.985d")),
    Fault(
        "forecast_left_the_range_of_weeks",
        "ml__revenue_forecast",
        put(forecast="10 * forecast", upper_80="10 * upper_80"),
    ),
    Fault(
        "categories_left_their_total",
        "ml__revenue_forecast",
        put(forecast="case when level = 'category' then forecast / 2 else forecast end"),
    ),
    Fault("bands_missed_their_forecast", "ml__revenue_forecast", put(lower_80="upper_80")),
    Fault("forecast_was_of_other_weeks", "ml__revenue_forecast", put(week_start="date_sub(week_start, 7)")),
    Fault("bands_stopped_holding", "ml__forecast_backtest", put(lower_80="actual + 1")),
    Fault("demand_left_the_range_of_weeks", "ml__demand_forecast", put(forecast="10 * forecast")),
    Fault("people_were_no_longer_those_learned_from", "ml__drift", put(psi="0.5d")),
    Fault("mart_lost_rows", "gold__inventory_plan", only("category > 'd'")),
    Fault("call_list_changed_its_length", "gold__whale_call_list", only("customer_unique_id > 'd'")),
    Fault("expected_revenue_jumped", "gold__customer_risk", put(expected_revenue="3 * expected_revenue")),
    Fault("whales_were_all_at_risk_at_once", "gold__customer_risk", put(is_whale_at_risk="true")),
    Fault("levels_left_their_forecast", "gold__inventory_plan", put(expected_units="order_up_to_level * 2.0d")),
)


def quarantined(table: DataFrame, part: float, rule: str = "order_status_unknown") -> DataFrame:
    """A quarantine with this part of the delivered orders."""
    orders = table.sparkSession.table("bronze.orders").withColumn("broken_rule", F.lit(rule))
    ordered = orders.orderBy("order_id").limit(int(part * orders.count()))
    return ordered.select(*table.columns)
