"""The monitoring of a deployment: alerts, alarms, dashboard and saved queries."""
