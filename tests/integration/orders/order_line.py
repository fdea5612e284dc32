"""The product line of the maker for which orders are sent."""

LINE = 31
