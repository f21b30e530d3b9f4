"""How the cost of an operation grows with the number of objects. It is an app of its worker."""
