"""Live pictures and voices over WebRTC: one encoder for all who watch.

A frame's way: ``producer`` (ring to I420, a thread a rung) -> ``encoder`` (H.264) -> ``units`` (cut into RTP payloads,
once) -> ``room`` (who is there) -> ``viewer`` and ``outlet`` (the packets of one) -> ``peer`` (encrypted, out).
``ladder`` thinks about who can bear how much. aiortc gives ICE, DTLS and SRTP; its own sender, which encodes for each
peer apart, is not used. ``overlays`` says what is drawn over which frame.
"""
