{# The share of the others who come before, in [0, 1]: what percent_rank gives, without holding all rows at a time.
   Equal values have equal ranks, which ntile does not give. #}
{% macro rank_position(order, rows) -%}
  cast(rank() over (order by {{ order }}) - 1 as double) / greatest({{ rows }} - 1, 1)
{%- endmacro %}

{# A position in [0, 1] as a score from 1 to 5. #}
{% macro quintile(position) -%}
  cast(least(floor({{ position }} * 5) + 1, 5) as int)
{%- endmacro %}

{# Named segments, first match wins. A person without a revenue order has null scores. #}
{% macro rfm_segment(r_score, f_score, m_score) -%}
  case
    when {{ r_score }} is null then 'no_purchase'
    when {{ r_score }} >= 4 and {{ f_score }} >= 2 and {{ m_score }} >= 4 then 'champion'
    when {{ r_score }} >= 3 and {{ f_score }} >= 2 then 'loyal'
    when {{ r_score }} <= 2 and {{ f_score }} >= 2 then 'lapsed_loyal'
    when {{ r_score }} = 5 then 'new'
    when {{ r_score }} <= 2 and {{ m_score }} >= 4 then 'lapsed_big_spender'
    when {{ r_score }} >= 3 and {{ m_score }} >= 4 then 'big_spender'
    when {{ r_score }} >= 3 then 'recent'
    else 'lapsed'
  end
{%- endmacro %}
