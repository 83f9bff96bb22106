"""Judges that nobody here trained: MediaPipe's face and hand landmarks, dlib's identity. They only measure."""
