with demand as (
    select * from {{ source('ml', 'demand_forecast') }}
),

inventory as (
    select * from {{ ref('inventory') }}
),

-- Where nobody said how long supply takes, there is a level for each time that is forecast.
covered as (
    select
        demand.series as category,
        demand.horizon as lead_time_weeks,
        date_add(demand.week_start, 6) as covers_until,
        demand.cumulative_forecast as expected_units,
        cast(ceil(demand.cumulative_upper_80) as int) as order_up_to_level,
        inventory.stock_units,
        demand.method,
        demand.as_of_date
    from demand
    left join inventory on demand.series = inventory.category
    where demand.horizon = coalesce(inventory.lead_time_weeks, demand.horizon)
)

select
    category,
    lead_time_weeks,
    covers_until,
    expected_units,
    order_up_to_level,
    stock_units,
    case when stock_units is not null then greatest(order_up_to_level - stock_units, 0) end as order_units,
    case
        when stock_units is null then 'level only'
        when stock_units < order_up_to_level then 'order'
        else 'enough'
    end as advice,
    method,
    as_of_date
from covered
