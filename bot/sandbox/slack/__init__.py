"""A strict local Slack: it refuses what Slack refuses, signs what Slack signs, and can be told to fail (D12)."""
