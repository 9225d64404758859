{#- What is reported of each model, whether more is better, and what counts as a baseline there: the same as for the
    gate of the model, which a test compares. -#}
{%- set reported = [
    ('recommender', 'basket_completion_ndcg_at_10', 1),
    ('churn', 'auc', 1),
    ('churn', 'top_decile_lift', 1),
    ('forecast', 'wape', -1),
] -%}
{%- set baselines = [
    'random', 'popularity', 'recent_popularity', 'popular_in_category', 'recently_popular_in_category', 'item_knn',
    'bought_together',
    'frequency_then_recency', 'recency', 'rfm_risk', 'rfm_score', 'prevalence',
    'naive', 'seasonal_naive', 'mean_4', 'mean_12', 'mean_26', 'mean_52', 'median_52', 'half_way_16', 'ets', 'theta',
    'arima',
] -%}

with metrics as (
    select
        *,
        case
            {%- for model, metric, direction in reported %}
            when model_name = '{{ model }}' and metric = '{{ metric }}' then {{ direction }}
            {%- endfor %}
        end as direction
    from {{ source('ml', 'model_metrics') }}
),

scored as (
    select distinct
        model_name,
        model_version
    from (
        {%- for table in ['product_recommendations', 'churn_scores', 'revenue_forecast'] %}
        select
            model_name,
            model_version
        from {{ source('ml', table) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as scores
),

promoted as (
    select
        model_name,
        max(model_version) as model_version
    from metrics
    where is_promoted
    group by model_name
),

-- The alias may have been given by hand, so what scored says which it is; before that, the newest that became one.
champions as (
    select
        coalesce(scored.model_name, promoted.model_name) as model_name,
        coalesce(scored.model_version, promoted.model_version) as model_version
    from promoted
    full outer join scored on promoted.model_name = scored.model_name
),

of_champions as (
    select metrics.*
    from metrics
    inner join champions
        on
            metrics.model_name = champions.model_name
            and metrics.model_version = champions.model_version
    where metrics.direction is not null
),

candidates as (
    select * from of_champions
    where subject = 'candidate'
),

ranked as (
    select
        model_name,
        metric,
        subject,
        value,
        row_number() over (
            partition by model_name, metric
            order by value * direction desc, subject asc
        ) as place
    from of_champions
    where subject in ('{{ baselines | join("', '") }}')
)

select
    candidates.model_name,
    candidates.metric,
    candidates.model_version,
    candidates.as_of_date as trained_as_of,
    candidates.value as measured,
    candidates.value_low as measured_low,
    candidates.value_high as measured_high,
    candidates.direction = 1 as is_more_better,
    ranked.subject as best_baseline,
    ranked.value as baseline_measured
from candidates
left join ranked
    on
        candidates.model_name = ranked.model_name
        and candidates.metric = ranked.metric
        and ranked.place = 1
