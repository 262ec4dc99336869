"""A strict local Railway: one project over the public GraphQL API, whose restarts and variables are real (D12)."""
