"""Static pages over Gold: two dashboards, the lineage, and a first page that ties together all there is to read.

:func:`bi.dashboards.site.write` makes them. They are files: no server, no network, and nothing that identifies a
person beyond the shop's own key.
"""
