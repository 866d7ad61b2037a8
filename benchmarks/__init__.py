"""Measurements that anyone can repeat: ours and the peer's in one run, as a ratio, with n, medians and the machine."""
