"""Days whose readings came too late are judged again, as history and never as news."""
