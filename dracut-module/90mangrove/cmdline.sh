#!/bin/sh
# dracut's question who handles root=.
# shellcheck disable=SC2034 # dracut reads it
[ "$root" = mangrove ] && rootok=1
