"""Where it is measured: namespaces of this process' own, joined by veth pairs.

One pair; a lossy place has a third namespace in between that forwards, and loses what it is
told to lose, the same for every pair of stacks. Everything is removed by close(), whatever
happened in between.
"""

import os
import subprocess

# Of the addresses that our clients have.
FIRST_HOST, HOSTS_END = 3, 254


class Refused(Exception):
    """The system did not do what was asked for; the text is what it said."""


def run(*words, **more):
    words = [str(word) for word in words]
    done = subprocess.run(words, check=False, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise Refused(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Place:
    """Addresses: the kernel's own end with .1.x, our stacks beside it with .0.x."""

    def __init__(self, lossy=False):
        name = f"hrv{os.getpid()}{'l' if lossy else ''}"
        self.server_ns, self.client_ns, self.router_ns = name + "s", name + "c", name + "r"
        self.server_if, self.client_if = name + "s", name + "c"
        self.lossy = lossy
        self.next_host = FIRST_HOST + 1
        self.namespaces = []

    def open(self):
        for namespace in (self.server_ns, self.client_ns) + ((self.router_ns,) * self.lossy):
            self.namespaces.append(namespace)  # first: who is interrupted removes it too
            run("ip", "netns", "add", namespace)
        if self.lossy:
            self.open_router()
        else:
            self.join(self.server_ns, self.server_if, self.client_ns, self.client_if)
            self.address(self.server_ns, self.server_if, "10.77.1.1/24")
            self.address(self.client_ns, self.client_if, "10.77.0.2/24", "10.77.1.2/24")
        for namespace in self.namespaces:
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1",
                "net.ipv4.ip_local_port_range=1024 65000", "net.ipv4.ip_forward=1",
                "net.core.somaxconn=65535", "net.ipv4.tcp_max_syn_backlog=65535")
        return self

    def join(self, one_ns, one_if, other_ns, other_if):
        run("ip", "link", "add", one_if, "netns", one_ns, "type", "veth", "peer", "name", other_if,
            "netns", other_ns)
        for namespace, interface in ((one_ns, one_if), (other_ns, other_if)):
            # A kernel hands over packets with unfinished checksums unless it is told not to.
            run("ip", "netns", "exec", namespace, "ethtool", "-K", interface, "tx", "off")
            run("ip", "-n", namespace, "link", "set", interface, "up")

    @staticmethod
    def address(namespace, interface, *addresses):
        for address in addresses:
            run("ip", "-n", namespace, "addr", "add", address, "dev", interface)

    def open_router(self):
        near, far = self.server_if[:-1] + "n", self.client_if[:-1] + "f"
        self.join(self.server_ns, self.server_if, self.router_ns, near)
        self.join(self.client_ns, self.client_if, self.router_ns, far)
        # Each side has a subnet for our stack, and one for the kernel's.
        self.address(self.router_ns, near, "10.77.0.254/24", "10.77.1.254/24")
        self.address(self.router_ns, far, "10.78.0.254/24", "10.78.1.254/24")
        self.address(self.server_ns, self.server_if, "10.77.1.1/24")
        self.address(self.client_ns, self.client_if, "10.78.1.2/24")
        run("ip", "-n", self.server_ns, "route", "add", "default", "via", "10.77.1.254")
        run("ip", "-n", self.client_ns, "route", "add", "default", "via", "10.78.1.254")

    def lose(self, percent):
        rules = "flush ruleset\n"
        if percent:
            rules += ("table ip loss {\nchain forward {\ntype filter hook forward priority 0\n"
                      f"numgen random mod 10000 < {round(percent * 100)} drop\n}}\n}}\n")
        run("ip", "netns", "exec", self.router_ns, "nft", "-f", "-", input=rules)

    def server_address(self, server):
        return "10.77.0.1" if server in ("headrace", "reflector") else "10.77.1.1"

    def server_options(self):
        """Where an AF_XDP server stands."""
        words = ["--interface", self.server_if, "--address", "10.77.0.1/24"]
        return words + (["--gateway", "10.77.0.254"] if self.lossy else [])

    def hosts(self, count):
        """Others each time, if several: a server still has connections half open to the last
        client's, and who comes from the port of such a one waits a second for its turn."""
        if count == 1:
            return [FIRST_HOST]
        start = self.next_host if self.next_host + count <= HOSTS_END else FIRST_HOST + 1
        self.next_host = start + count
        return range(start, start + count)

    def client_options(self, server, addresses=1):
        """Where an AF_XDP client of this server stands: in its subnet, if there is no router."""
        subnet = "10.78.0" if self.lossy else self.server_address(server).rsplit(".", 1)[0]
        words = ["--interface", self.client_if]
        for host in self.hosts(addresses):
            words += ["--address", f"{subnet}.{host}/24"]
        return words + (["--gateway", "10.78.0.254"] if self.lossy else [])

    def close(self):
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        self.namespaces = []
