"""What tests share: worlds of a few speeches, servers on loopback, small recipes."""
