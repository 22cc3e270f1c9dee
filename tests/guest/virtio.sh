#!/usr/bin/env bash
# Goal:   zero-copy works on a driver that has it (virtio_net), with one queue and with two:
#         every byte is right, the kernel's own traffic goes on beside it, also while the
#         server is stopped, and after kill -9 the NIC is the kernel's.
# Method: an emulated machine with a recent kernel; in it echo_server, outside the kernel's
#         TCP of this machine. That the sockets are zero-copy is asked of the guest's kernel
#         (ss), not of us. Nothing is measured but silences of seconds.
. "$(dirname "$0")/checks.sh"

flavour=cloud-amd64 qemu=qemu-system-x86_64
turner="turner eth0 $stack_address $outside_address $turned_port $turned_ports"

# What the options are for stands in README.md.
nic_options() {
    local several= vectors=
    tap_queues=$queues
    if [ "$queues" -gt 1 ]; then
        several=,queues=$queues vectors=,mq=on,vectors=$((2 * queues + 2))
    fi
    nic=(-netdev "$tap_options$several"
        -device "virtio-net-pci,netdev=nic,disable-legacy=on,iommu_platform=on,romfile=$vectors")
}

# AF_XDP knows nothing of packets that a NIC has merged: echo_server asks for this.
nic_setup() {
    guest 'ethtool -K eth0 rx-gro-hw off'
}

# A driver without zero-copy.
check_refused() {
    guest_must 'ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up'
    refused v0 'zero-copy mode on queue 0: Operation not supported; use --mode native or generic with this driver.'
    guest_must 'ip link del v0'
}

check_all
