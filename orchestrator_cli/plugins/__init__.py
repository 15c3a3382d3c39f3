"""Who is registered to which stage: listed, compared with what is subscribed, repaired."""
