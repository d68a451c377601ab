"""How right an intake is: what a store serves, compared fact by fact with a file that says what is true."""
