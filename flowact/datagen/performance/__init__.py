"""What people do: scripts, behaviours, gestures and the motion that follows."""
