"""A synthetic city: deliveries of the source systems whose own arithmetic reproduces a file of printed figures."""
