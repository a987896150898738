"""Programs around the warehouse: the synthetic city, the demo, the operators' shell."""
