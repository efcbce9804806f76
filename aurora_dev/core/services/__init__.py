"""The parts that every remote service shares: one HTTP client, one retry policy, one circuit breaker."""
