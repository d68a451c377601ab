"""Indicators: Measures of the county evaluated over the record (R4 Measure, MeasureReport; docs/indicators.md)."""
