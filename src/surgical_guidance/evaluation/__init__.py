"""How good the models are: data with truth in, numbers and a report out. It is never on the frame path."""
