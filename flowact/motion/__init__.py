"""What moves: the names and the order of face curves and joints. Imports nothing of FlowAct."""
