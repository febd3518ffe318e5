"""Programs that learn: objective, loop, schedules."""
