"""ModelVersion → Deployment behind an Endpoint → Trace."""
