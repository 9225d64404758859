{{ quarantined('order_reviews') }}
