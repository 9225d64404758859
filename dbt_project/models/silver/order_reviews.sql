with staged as (
    select * from {{ ref('stg_order_reviews') }}
)

select
    review_id,
    order_id,
    review_score,
    review_title,
    review_message,
    created_at,
    answered_at
from staged
where broken_rule is null and delivery_rank = 1
