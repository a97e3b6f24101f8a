#!/bin/bash
# Mangrove in an initramfs of dracut: `dracut --add mangrove`, then root=mangrove on the kernel command line.
# Written to the interface of dracut 059 up to dracut-ng 111.

check() {
    require_binaries mangrove || return 1
    return 255 # only when asked for
}

depends() {
    echo udev-rules
}

installkernel() {
    # The definition names the root, and is not known here: all that any scheme needs, whatever runs on
    # this machine. Of the cards, hostonly keeps its own.
    local modules cards
    modules=$(mangrove initramfs --list-modules --for none --modules "$srcmods") || return 1
    cards=$(mangrove initramfs --list-modules --for none --drivers net --modules "$srcmods") || return 1
    hostonly='' instmods $modules \
        8021q bonding af_packet virtio_pci virtio_net
    instmods $cards
}

install() {
    local policy=(--signers "$mangrove_signers" ${mangrove_least_serial:+--least-serial "$mangrove_least_serial"})
    # dracut goes on after a module that failed, and this initramfs would take unsigned definitions.
    if [[ $mangrove_signers ]] && ! mangrove initramfs --write-policy "$initdir" "${policy[@]}"; then
        dfatal "mangrove: mangrove_signers=$mangrove_signers cannot be used"
        exit 1
    fi
    inst_multiple mangrove cat
    inst_hook cmdline 90 "$moddir/cmdline.sh"
    inst_hook emergency 99 "$moddir/emergency.sh"
    if dracut_module_included systemd; then
        inst_simple "$moddir/mangrove-root.service" "$systemdsystemunitdir/mangrove-root.service"
        $SYSTEMCTL -q --root "$initdir" enable mangrove-root.service
    else
        inst_hook mount 99 "$moddir/mount.sh"
    fi
}
