"""HTTP in and out: what a request means, how an answer and a fault are written."""
