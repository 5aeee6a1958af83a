"""Loopback addresses."""

import ipaddress


def is_loopback_host(host: str) -> bool:
    """Whether only this machine reaches the host: ``localhost`` or an address of the loopback network."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
