with staged as (
    select * from {{ ref('stg_sellers') }}
),

changes as (
    {{ last_changes('sellers', 'seller_id', ['zip_code_prefix', 'city', 'state']) }}
)

select
    staged.seller_id,
    staged.zip_code_prefix,
    staged.city,
    staged.state,
    changes.changed_at
from staged
inner join changes on staged.seller_id = changes.seller_id
where staged.broken_rule is null and staged.delivery_rank = 1
