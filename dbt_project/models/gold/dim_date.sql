with as_of as (
    select * from {{ ref('as_of') }}
),

orders as (
    select * from {{ ref('orders') }}
),

sessions as (
    select * from {{ ref('sessions') }}
),

beginnings as (
    select min(purchased_at) as first_moment from orders
    union all
    select min(started_at) as first_moment from sessions
),

-- Whole years, and one more: time intelligence wants no gap, and forecasts reach beyond the data. The first week is
-- whole too.
span as (
    select
        date_trunc(
            'year', date_trunc('week', least(min(beginnings.first_moment), min(as_of.as_of_date)))
        ) as first_day,
        add_months(date_trunc('year', max(as_of.as_of_date)), 24) as first_day_after
    from as_of
    cross join beginnings
),

days as (
    select explode(sequence(cast(first_day as date), date_sub(first_day_after, 1), interval 1 day)) as date_day
    from span
),

-- The ISO year is that of the week's Thursday.
weeks as (
    select
        date_day,
        {{ week_start('date_day') }} as week_start,
        year(date_add({{ week_start('date_day') }}, 3)) as iso_year,
        weekofyear(date_day) as iso_week
    from days
)

select
    weeks.date_day,
    weeks.week_start,
    weeks.iso_year,
    weeks.iso_week,
    concat(weeks.iso_year, '-W', lpad(cast(weeks.iso_week as string), 2, '0')) as iso_week_key,
    {{ days_between('weeks.week_start', 'weeks.date_day') }} + 1 as iso_weekday,
    date_format(weeks.date_day, 'EEEE') as weekday_name,
    {{ days_between('weeks.week_start', 'weeks.date_day') }} >= 5 as is_weekend,
    {{ month_of('weeks.date_day') }} as month_start,
    month(weeks.date_day) as month,
    date_format(weeks.date_day, 'MMMM') as month_name,
    quarter(weeks.date_day) as quarter,
    year(weeks.date_day) as year,
    coalesce(
        weeks.week_start between as_of.first_complete_week and as_of.last_complete_week, false
    ) as is_in_complete_week
from weeks
cross join as_of
