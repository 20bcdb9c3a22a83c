#!/bin/sh
# registry.sh add|delete FILE - has Wine trust the certificate in FILE (PEM), or forget it.
#
# Windows keeps each in its registry, under its SHA-1: property 32, which is the certificate, and how long it is.
set -eu
what=$1 file=$2

der() {
    openssl x509 -in "$file" -outform DER
}

store='HKLM\Software\Microsoft\SystemCertificates\Root\Certificates'
key=$store\\$(der | sha1sum | cut -c 1-40 | tr a-f A-F)
case $what in
add)
    size=$(printf %04x "$(der | wc -c)" | sed 's/\(..\)\(..\)/\2\1/') # the low byte first
    set -- /v Blob /t REG_BINARY /d "2000000001000000${size}0000$(der | od -An -v -tx1 | tr -d ' \n')"
    ;;
delete) set -- ;;
esac
exec "$MOONPORT_LAUNCHER" reg "$what" "$key" "$@" /f
