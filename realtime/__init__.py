"""The live side of apexcam: cameras, the shared-memory ring, the processes, the bus, the dashboard."""
