"""What people look at: static pages and a Power BI project."""
