"""What the service costs on AWS, computed from a table of list prices."""
