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
