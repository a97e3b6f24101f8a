#!/bin/sh
# In an initramfs without systemd; dracut comes again when the emergency shell is left.
[ "$root" = mangrove ] && { mangrove dracut || emergency_shell "Mangrove could not assemble the root."; }
