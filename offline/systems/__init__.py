"""The papers' systems over clips: what their networks read, how training pictures are varied, features for an SVM."""
