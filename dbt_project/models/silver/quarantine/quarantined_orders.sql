{{ quarantined('orders') }}
