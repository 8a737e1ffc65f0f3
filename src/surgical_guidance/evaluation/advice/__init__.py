"""How good the advice is: what is said in takes of the phantom, held against what their truth makes due."""
