"""What a remote expert sees and says."""
