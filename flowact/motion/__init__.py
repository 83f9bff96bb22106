"""What moves: the names and the order of face curves, joints and landmarks. Imports nothing of FlowAct."""
