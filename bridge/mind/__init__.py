"""The process *mind*: emotion in, timed notes out, composed a second ahead."""
