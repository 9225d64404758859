{{ quarantined('order_items') }}
