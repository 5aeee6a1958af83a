"""The benchmark side of apexcam: datasets, protocols, training, scoring, reports."""
