with delivered as (
    select * from {{ source('bronze', 'customer_contacts') }}
),

customers as (
    select * from {{ ref('customers') }}
),

typed as (
    select
        {{ as_key('customer_unique_id') }} as customer_unique_id,
        {{ as_text('full_name') }} as full_name,
        lower({{ as_text('email') }}) as email,
        {{ as_text('phone') }} as phone,
        {{ as_text('marketing_consent') }} as consent_text,
        {{ as_text('provenance') }} as provenance,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        typed.*,
        {{ first_broken_rule({
            'customer_unique_id_missing': "typed.customer_unique_id is null",
            'customer_unknown': "customers.customer_unique_id is null",
            'email_malformed': "typed.email not rlike '^[^@ ]+@[^@ ]+[.][^@ ]+$'",
            'consent_unknown': "typed.consent_text is null or typed.consent_text not in ('true', 'false')",
            'provenance_unknown': "typed.provenance is null or typed.provenance not in ('observed', 'generated')"
        }) }} as broken_rule
    from typed
    left join customers on typed.customer_unique_id = customers.customer_unique_id
)

select
    customer_unique_id,
    full_name,
    email,
    phone,
    -- Who says no is heard, whatever else is wrong with the row: the row waits in quarantine, and until it is mended
    -- nobody writes to its person. Newer is what delivery_rank takes for newer.
    min(case when consent_text = 'true' then 1 else 0 end) over (
        partition by customer_unique_id
        order by _delivered_on desc nulls last, _ingested_at desc, _batch_id desc, _source_row desc
        rows between unbounded preceding and current row
    ) = 1 as marketing_consent,
    provenance,
    {{ audit_columns() }},
    broken_rule,
    {{ delivery_rank(['customer_unique_id']) }} as delivery_rank
from judged
