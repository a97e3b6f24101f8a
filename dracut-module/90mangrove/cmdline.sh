#!/bin/sh
# dracut's question who handles root=.
[ "$root" = mangrove ] && rootok=1
