"""Tables of people: reading, traits and their transforms, residuals."""
