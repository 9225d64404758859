"""``python -m bi.power_bi``: write the Power BI project anew."""

from __future__ import annotations

from bi.power_bi.project import HERE, write_project

if __name__ == "__main__":
    print(f"{len(write_project())} files in {HERE}")
