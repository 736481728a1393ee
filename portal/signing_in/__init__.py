"""How people sign in: second factor, links for the first time, known browsers, asking again."""
