"""Every measure's value as SQL over Gold, written without a look at its DAX; tables are named schema__table."""

from __future__ import annotations

REVENUE_LINES = "gold__fct_order_items where is_revenue_order"
JUDGED = "gold__forecast_errors where series = 'total' and is_champion"
WHALES = "gold__customer_risk where is_whale_at_risk"


def _tenth(key: str) -> str:
    places = (
        f"select sum(revenue) as revenue, row_number() over (order by sum(revenue) desc, {key} asc) as place, "
        f"count(*) over () as places from {REVENUE_LINES} group by {key}"
    )
    top = "sum(case when place <= ceil(places / 10.0) then cast(revenue as double) else 0.0 end)"
    return f"select {top} / sum(revenue) from ({places})"


def _checks(status: str) -> str:
    newest = (
        "select *, rank() over (partition by layer, kind order by run_id desc) as age from quality__check_results"
    )
    return f"select count(*) from ({newest}) where age = 1 and status = '{status}'"


ORDERS_ONCE = (
    "select order_id, max(review_score) as review_score, max(delivery_days) as delivery_days, "
    "max(days_late) as days_late "
    f"from {REVENUE_LINES} group by order_id"
)

EXPECTED = {
    "Revenue": "select sum(revenue) from gold__weekly_revenue",
    "Orders": "select sum(orders) from gold__weekly_revenue",
    "Average order value": "select cast(sum(revenue) as double) / sum(orders) from gold__weekly_revenue",
    "Items": "select sum(items) from gold__weekly_revenue",
    "Freight": "select sum(freight) from gold__weekly_revenue",
    "Share of revenue": "select 1",
    "Is the whole shop": "select true",
    "Revenue of complete weeks": "select sum(revenue) from gold__weekly_revenue where is_complete",
    "Share of the top tenth of customers": _tenth("customer_unique_id"),
    "Share of the top tenth of sellers": _tenth("seller_id"),
    "Active customers": "select count(*) from gold__customer_360 where frequency > 0",
    "Returning customers": "select count(*) from gold__customer_360 where frequency > 1",
    "Repeat rate": (
        "select cast(sum(case when frequency > 1 then 1 else 0 end) as double) / count(*) from "
        "gold__customer_360 where frequency > 0"
    ),
    "New customers": "select count(*) from gold__customer_360 where frequency > 0",
    "Revenue of first orders": "select sum(first_order_revenue) from gold__weekly_performance",
    "Revenue of later orders": "select sum(revenue - first_order_revenue) from gold__weekly_performance",
    "Customers": "select customers from gold__report_status",
    "Share of repeat customers": "select cast(repeat_customers as double) / customers from gold__report_status",
    "Realised revenue per customer": (
        "select cast(sum(monetary) as double) / count(*) from gold__customer_360 where frequency > 0"
    ),
    "Realised revenue per customer so far": (
        "select realised_revenue_per_customer from gold__weekly_performance order by week_start desc limit 1"
    ),
    "Lifetime revenue": "select sum(revenue) from gold__weekly_revenue",
    "Average recency (days)": "select avg(cast(recency_days as double)) from gold__customer_360 where frequency > 0",
    "Cohort retention": (
        "select cast(sum(active_customers) as double) / sum(customers) from gold__customer_cohorts where "
        "is_complete and months_since_first > 0"
    ),
    "Cohort size": "select count(*) from gold__customer_360 where frequency > 0",
    "Placed orders": (
        "select count(*) from silver__orders cross join silver__as_of where cast(purchased_at as date) <= as_of_date"
    ),
    "Canceled orders": (
        "select count(*) from silver__orders cross join silver__as_of where cast(purchased_at as date) "
        "<= as_of_date and not is_revenue_order"
    ),
    "Cancellation rate": (
        "select cast(sum(canceled_orders) as double) / sum(placed_orders) from gold__weekly_performance"
    ),
    "Delivered orders": f"select count(days_late) from ({ORDERS_ONCE})",
    "Orders delivered on the day": f"select count(days_late) from ({ORDERS_ONCE})",
    "Late delivery rate": (
        "select cast(sum(late_orders) as double) / sum(delivered_orders) from gold__weekly_performance"
    ),
    "Average review score": f"select avg(cast(review_score as double)) from ({ORDERS_ONCE})",
    "Average delivery days": f"select avg(cast(delivery_days as double)) from ({ORDERS_ONCE})",
    "Revenue target": "select null",
    "Revenue on target": "select 'no target set'",
    "Forecast revenue": "select sum(forecast) from gold__revenue_outlook where level = 'total'",
    "Forecast lower bound": "select null",
    "Forecast upper bound": "select null",
    "Backtest forecast": f"select sum(forecast) from {JUDGED} and horizon = 1",
    "Forecast error (WAPE)": f"select sum(abs(cast(forecast as double) - actual)) / sum(actual) from {JUDGED}",
    "Forecast bias": f"select sum(cast(forecast as double) - actual) / sum(actual) from {JUDGED}",
    "Range held": (
        "select avg(case when actual >= lower_80 and actual <= upper_80 then 1.0 else 0.0 end) from "
        f"{JUDGED} and lower_80 is not null"
    ),
    "Expected revenue (180 days)": "select sum(expected_revenue) from gold__customer_risk",
    "Revenue at risk": f"select sum(expected_revenue) from {WHALES}",
    "Whales at risk": f"select count(*) from {WHALES}",
    "People scored": "select count(*) from gold__customer_risk",
    "Past spend": "select sum(spend) from gold__customer_risk",
    "Days since last order": "select avg(cast(days_since_last_order as double)) from gold__customer_risk",
    "Repurchase probability": "select avg(repurchase_probability) from gold__customer_risk",
    "Expected revenue decline": "select sum(previous_expected_revenue - expected_revenue) from gold__customer_risk",
    "Control group": f"select count(*) from {WHALES} and is_call_control",
    "People to call": "select count(*) from gold__whale_call_list",
    "Reachable people to call": "select count(*) from gold__whale_call_list where has_consent",
    "Expected revenue of the call list": "select sum(expected_revenue) from gold__whale_call_list",
    "Campaign people": f"select count(*) from {WHALES}",
    "People to contact": "select count(*) from gold__retention_campaign where is_within_cap",
    "Share who bought since": (
        "select avg(case when outcome_orders > 0 then 1.0 else 0.0 end) from gold__retention_campaign "
        "where is_compared"
    ),
    "Revenue since per person": (
        "select avg(cast(outcome_revenue as double)) from gold__retention_campaign where is_compared"
    ),
    "People compared": "select count(*) from gold__retention_campaign where is_compared",
    "Expected customer value": "select sum(expected_revenue) from gold__customer_value",
    "Visits": "select count(*) from gold__fct_sessions where not is_bot",
    "Visits with a view": "select count(*) from gold__fct_sessions where not is_bot and furthest_step <> 'visit'",
    "Visits with a cart": (
        "select count(*) from gold__fct_sessions where not is_bot and furthest_step in ('cart', "
        "'checkout', 'purchase')"
    ),
    "Visits with a checkout": (
        "select count(*) from gold__fct_sessions where not is_bot and furthest_step in ('checkout', 'purchase')"
    ),
    "Visits with a purchase": (
        "select count(*) from gold__fct_sessions where not is_bot and furthest_step = 'purchase'"
    ),
    "Conversion rate": (
        "select avg(case when furthest_step = 'purchase' then 1.0 else 0.0 end) from gold__fct_sessions "
        "where not is_bot"
    ),
    "Carts left": "select count(*) from gold__fct_sessions where not is_bot and is_cart_left",
    "Cart abandonment rate": (
        "select cast(sum(case when is_cart_left then 1 else 0 end) as double) "
        "/ sum(case when furthest_step in ('cart', 'checkout', 'purchase') then 1 else 0 end) "
        "from gold__fct_sessions where not is_bot"
    ),
    "Value left in carts": "select sum(value_at_stake) from gold__fct_sessions where not is_bot and is_cart_left",
    "Visits are": "select max(provenance) from gold__fct_sessions",
    "Conversions (Markov)": "select sum(conversions_last_touch) from gold__channel_attribution",
    "Revenue (Markov)": "select sum(revenue_first_touch) from gold__channel_attribution",
    "Revenue (last touch)": "select sum(revenue_last_touch) from gold__channel_attribution",
    "Revenue last four weeks": "select sum(revenue_last_4_weeks) from gold__product_performance",
    "Growth over four weeks": (
        "select cast(sum(revenue_last_4_weeks) as double) / sum(revenue_4_weeks_before) - 1 from "
        "gold__product_performance"
    ),
    "Products sold": f"select count(distinct product_id) from {REVENUE_LINES}",
    "Units to order": "select sum(order_units) from gold__inventory_plan",
    "Order-up-to level": "select null",
    "Data through": "select as_of_date from silver__as_of",
    "Complete through": "select reporting_date from silver__as_of",
    "Last checked": "select max(checked_at) from quality__check_results",
    "Checks failed": _checks("failed"),
    "Checks warned": _checks("warned"),
    "Churn model version": "select max(model_version) from gold__customer_risk",
    "Forecast model version": "select max(model_version) from gold__revenue_outlook",
    "Scored as of": "select max(scored_as_of) from gold__customer_risk",
    # The whole time has no period before it.
    "Change from orders": "select null",
    "Change from order value": "select null",
    "Change from first orders": "select null",
    "Change from later orders": "select null",
    "Revenue on previous %": "select null",
    "Revenue on year before %": "select null",
}
"""Where nothing is filtered. What only has a value in a period is compared in :data:`PERIODS`."""

IN_WORDS = {"Gate status", "Freshness", "Forecast in words"}
"""Sentences; tests of their own read them."""

PERIODS = {
    "Revenue": "revenue",
    "Orders": "orders",
    "Items": "items",
    "Average order value": "average_order_value",
    "Active customers": "active_customers",
    "New customers": "new_customers",
    "Returning customers": "returning_customers",
    "Repeat rate": "repeat_rate",
    "Revenue of first orders": "first_order_revenue",
    "Revenue of later orders": "repeat_order_revenue",
    "Placed orders": "placed_orders",
    "Canceled orders": "canceled_orders",
    "Cancellation rate": "cancellation_rate",
    "Delivered orders": "delivered_orders",
    "Late delivery rate": "late_delivery_rate",
    "Average review score": "average_review_score",
    "Share of the top tenth of customers": "top_customers_share",
    "Share of the top tenth of sellers": "top_sellers_share",
    "Realised revenue per customer so far": "realised_revenue_per_customer",
}
"""Measure and column of executive_overview, for each length of period and each period."""

CHANGES = {
    "Change from orders": "change_from_orders",
    "Change from order value": "change_from_order_value",
    "Change from first orders": "change_from_first_orders",
    "Change from later orders": "change_from_repeat_orders",
}
"""Measure and column of executive_overview's rows of the previous period."""
