#!/usr/bin/env bash
# Goal:   zero-copy works on a second driver that has it (igb), with one queue and with two.
# Method: as virtio.sh, on a newer QEMU, which has this NIC, and Debian's ordinary kernel,
#         which has its driver.
. "$(dirname "$0")/checks.sh"

flavour=amd64 qemu=$GUEST/emulator/qemu
# The NIC itself spreads flows, by a table.
turner='while ethtool -X eth0 weight 1 0 && ethtool -X eth0 weight 0 1; do :; done'

nic_options() {
    tap_queues=1
    nic=(-netdev "$tap_options" -device pcie-root-port,id=root
        -device igb,bus=root,netdev=nic,romfile=)
}

# AF_XDP knows nothing of tags that a NIC has taken off: echo_server asks for this.
nic_setup() {
    guest "ethtool -L eth0 combined $queues && ethtool -K eth0 rxvlan off"
}

# refused_mtu MTU WHAT: the driver's reason is in the guest's kernel log only.
refused_mtu() {
    guest_must "ip link set eth0 mtu $1"
    refused eth0 "$2 with this driver. Its MTU of $1 may be the reason: try 'ip link set eth0 mtu 1500' first."
}

# Larger than its buffers with an XDP program, and larger than a frame.
check_refused() {
    refused_mtu 3800 'the XDP program in native mode: Invalid argument; use --mode generic'
    refused_mtu 9000 'zero-copy mode on queue 0: Invalid argument; use --mode native or generic'
}

"$here/emulator" "$GUEST/emulator" igb
check_all
