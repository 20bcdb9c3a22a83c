#!/bin/sh
# certificates.sh FOLDER NAME... - makes a CA, ca.pem, and by it, each with its key beside it, what is named of:
#   ec.pem rsa.pem     for localhost and 127.0.0.1
#   two.pem            for two.example
#   client.pem         of a client
#
# Those of servers are as a public CA would make them, down to the address where it lists what it has taken back (which
# nobody asks): then judges have nothing to say about them.
set -eu
cd "$1"
shift

curve='ec -pkeyopt ec_paramgen_curve:P-256'

cat >ca.cnf <<END
[req]
distinguished_name = who
x509_extensions = made
[who]
[made]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
END
# shellcheck disable=SC2086 # words
openssl req -x509 -config ca.cnf -newkey $curve -nodes -days 400 -keyout ca.key -out ca.pem -subj '/CN=The Office'

sign() { # FILE NAMES PURPOSE KEY...
    file=$1
    cat >"$file.cnf" <<END
subjectAltName = $2
extendedKeyUsage = $3
keyUsage = critical,digitalSignature
basicConstraints = critical,CA:FALSE
crlDistributionPoints = URI:http://127.0.0.1:9/list.crl
END
    shift 3
    openssl req -newkey "$@" -nodes -keyout "$file.key" -out "$file.csr" -subj "/CN=$file"
    openssl x509 -req -in "$file.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 200 \
        -extfile "$file.cnf" -out "$file.pem"
}

here=DNS:localhost,IP:127.0.0.1
# shellcheck disable=SC2086 # words
for name; do
    case $name in
    ec) sign ec "$here" serverAuth $curve ;;
    rsa) sign rsa "$here" serverAuth rsa:2048 ;;
    two) sign two DNS:two.example serverAuth $curve ;;
    client) sign client DNS:me clientAuth $curve ;;
    *) echo "there is no $name" && exit 1 ;;
    esac
done
