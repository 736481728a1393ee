"""From episode events to alerts: exactly one alert for an episode, whatever comes how often."""
