{{ quarantined('clickstream_events') }}
