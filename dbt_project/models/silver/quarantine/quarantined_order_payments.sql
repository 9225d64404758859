{{ quarantined('order_payments') }}
