#!/bin/bash
# An OpenLDAP server of the tests' own: on loopback, in a temporary folder, gone with whoever holds its standard input.
#
#   slapd.sh PORT TLS_PORT NAME
#
# Says "ready FOLDER" once it answers. Then takes commands, one a line, and says "done" after each:
#   stop    disconnects everyone and stops; the data stays
#   start   starts again on the same ports
# At the end of its input it stops the server and deletes the folder. FOLDER/ca.crt is the CA of its certificate, which
# is for localhost and 127.0.0.1. The port without TLS has StartTLS. NAME is the description of the uppermost entry.
#
# The password of each account is its uid and "-secret". Nobody may search without having signed in, and only the account
# "registry" sees groups. As in Active Directory, a name without a password signs in as nobody, and successfully. Its
# classes and attributes are there too; an objectCategory is the word that one searches for, not the DN of a class.
set -eEuo pipefail
port=$1 tls_port=$2 name=$3
base=dc=example,dc=org
folder=$(mktemp -d "${TMPDIR:-/tmp}/berth-slapd-XXXXXX")
server=
PATH=$PATH:/usr/sbin:/sbin

say() { echo "$*" >&3; }

certify() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=CA of the tests' directory" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$folder/ca.key" -out "$folder/ca.crt"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
    -keyout "$folder/server.key" -out "$folder/server.csr"
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' \
    >"$folder/server.ext"
  openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days 30 \
    -extfile "$folder/server.ext" -out "$folder/server.crt"
}

configure() {
  mkdir "$folder/data"
  cat >"$folder/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' AUXILIARY
  MAY ( sAMAccountName $ objectGUID $ userPrincipalName $ objectCategory ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' AUXILIARY MAY objectCategory )
pidfile $folder/slapd.pid
allow bind_anon_dn
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCACertificateFile $folder/ca.crt
TLSCertificateFile $folder/server.crt
TLSCertificateKeyFile $folder/server.key
database mdb
maxsize 67108864
dbnosync
suffix $base
rootdn cn=admin,$base
rootpw admin-secret
directory $folder/data
index objectClass,uid,member,memberOf eq
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree=ou=groups,$base by dn.exact=uid=registry,ou=services,$base read by * none
access to * by users read by anonymous auth by * none
CONF
}

start() {
  local try
  setpriv --pdeathsig TERM slapd -f "$folder/slapd.conf" -d 0 \
    -h "ldap://127.0.0.1:$port/ ldaps://127.0.0.1:$tls_port/" &
  server=$!
  for ((try = 0; try < 400; try++)); do
    if ldapwhoami -x -H "ldap://127.0.0.1:$port" -D "cn=admin,$base" -w admin-secret; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  echo "slapd does not answer on port $port"
  return 1
}

stop() {
  [ -n "$server" ] || return 0
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" || true
  server=
}

# account RDN UID [LINE…]: someone in ou=people.
account() {
  local rdn=$1 uid=$2
  shift 2
  printf 'dn: %s,ou=people,%s\nobjectClass: inetOrgPerson\nobjectClass: user\nuid: %s\nsn: %s\n' \
    "$rdn" "$base" "$uid" "$uid"
  printf 'objectCategory: person\n'
  printf '%s\n' "userPassword: $uid-secret" "$@" ''
}

# group CN MEMBER…: a group of entries.
group() {
  local cn=$1
  shift
  printf 'dn: cn=%s,ou=groups,%s\nobjectClass: groupOfNames\n' "$cn" "$base"
  printf "member: %s,$base\n" "$@"
  echo
}

# Over the wire: only the running server writes memberOf, and only once the member is there.
fill() {
  {
    printf 'dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndescription: %s\n\n' "$base" "$name"
    local unit
    for unit in people groups services; do
      printf 'dn: ou=%s,%s\nobjectClass: organizationalUnit\n\n' "$unit" "$base"
    done
    printf 'dn: uid=registry,ou=services,%s\nobjectClass: account\nobjectClass: simpleSecurityObject\n' "$base"
    printf 'userPassword: registry-secret\n\n'

    account uid=alice alice "cn: Alice Liddell ($name)" "mail: alice@example.org" \
      "sAMAccountName: alice.l" "objectGUID:: AAECAwQFBgcICQoLDA0ODw=="
    account uid=bob bob "cn: Bob Builder" "uid: robert"
    account uid=carol carol "cn: Carol Jones" "mail: carol@example.org"
    account 'cn=Müller\, Jané \28x\29\2A\5Cy+sn=jane' jane 'cn: Müller, Jané (x)*\y'
    account 'cn=Odd' 'o*d(d)\' 'cn: Odd'
    account uid=dave dave "cn: Dave Bowman" "displayName: Dave Bowman, M.D." "mail: dave@example.org" \
      "sAMAccountName: dave.b" "userPrincipalName: dave.b@example.org"
    account cn=twin-1 twin-1 "cn: twin-1" "uid: twin"
    account cn=twin-2 twin-2 "cn: twin-2" "uid: twin"
    account cn=twin-3 twin-3 "cn: twin-3" "uid: twin"
    printf 'dn: uid=nopassword,ou=people,%s\nobjectClass: inetOrgPerson\ncn: None\nsn: None\n\n' "$base"

    group developers uid=alice,ou=people uid=bob,ou=people
    group admins uid=alice,ou=people
    group 'R&D\, Köln \28West\29' 'cn=Müller\, Jané \28x\29\2A\5Cy+sn=jane,ou=people'
    group staff cn=developers,ou=groups
    group company cn=staff,ou=groups
    # They hold each other.
    group circle-1 cn=company,ou=groups
    group circle-2 cn=circle-1,ou=groups
    printf 'dn: cn=circle-1,ou=groups,%s\nchangetype: modify\nadd: member\nmember: cn=circle-2,ou=groups,%s\n\n' \
      "$base" "$base"
    # As Active Directory has them: Dave is in the second by the first.
    group Build uid=dave,ou=people | sed '/^$/d'
    printf 'objectClass: group\nobjectCategory: group\n\n'
    group 'Registry Users' cn=Build,ou=groups | sed '/^$/d'
    printf 'objectClass: group\nobjectCategory: group\n\n'
    local number
    for number in $(seq -w 1 25); do group "team-$number" uid=carol,ou=people; done
    printf 'dn: cn=unix,ou=groups,%s\nobjectClass: posixGroup\ngidNumber: 1000\nmemberUid: bob\n\n' "$base"
  } >"$folder/data.ldif"
  ldapmodify -a -x -H "ldap://127.0.0.1:$port" -D "cn=admin,$base" -w admin-secret -f "$folder/data.ldif"
}

leave() {
  trap - EXIT
  stop
  cd / && rm -rf "$folder"
}

exec 3>&1 >"$folder/log" 2>&1 4<&0 </dev/null
trap leave EXIT
trap 'cat "$folder/log" >&3' ERR
certify
configure
start
fill
trap - ERR
say "ready $folder"
while read -r command <&4; do
  case $command in
    stop) stop ;;
    start) start ;;
    *) echo "what is $command?"; false ;;
  esac || { cat "$folder/log" >&3; exit 1; }
  say "done"
done
