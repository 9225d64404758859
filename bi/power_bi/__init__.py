"""A Power BI project of three models and three thin reports: text files, generated where they repeat dbt's contracts.

``python -m bi.power_bi`` writes them anew from the dbt project and from what is drawn by hand in ``design/``: the
measures, the comparison of periods, and the pages of the reports.
"""
