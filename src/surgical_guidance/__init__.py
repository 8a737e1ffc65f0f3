"""Remote surgical guidance: an endoscope's picture becomes short advice, in the operating room and for a remote expert.

The way of one frame, the rooms of this package and the rules between them: ``docs/architecture.md``.
It advises; it never moves an arm. It is not a medical device and nothing in it is clinically validated.
"""

__version__ = '0.1.0'
