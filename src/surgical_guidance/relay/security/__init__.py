"""Who may do what: identities, and the table of what each role may do."""

from surgical_guidance.relay.security.policy import Policy
from surgical_guidance.relay.security.principal import Principal, Role

__all__ = ['Policy', 'Principal', 'Role']
