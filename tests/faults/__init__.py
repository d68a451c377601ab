"""Histories under faults: clients, kills, and a checker that says whether what they saw can be explained."""
