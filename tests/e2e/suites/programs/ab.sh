# SPDX-License-Identifier: MIT
# ab.sh - Apache (event) under Apache's own benchmark: as many answers, of as many bytes.
mkdir -p root/logs
head -c 5000 /dev/zero | tr '\0' x >root/page
modules=/usr/lib/apache2/modules
cat >conf <<C
ServerRoot $PWD/root
ServerName localhost
Listen 127.0.0.1:$SUITE_PORT
PidFile $PWD/root/pid
ErrorLog $PWD/root/error
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
DocumentRoot $PWD/root
CustomLog $PWD/root/access "%r %>s %b"
StartServers 2
MaxRequestWorkers 50
C
chmod -R a+rX "$SUITE_PLACE"
background apache2 -X -f "$PWD/conf" -D FOREGROUND
until_there listens "$SUITE_PORT"
facts() { ab -q "$@" 2>&1 | grep -E '^(Complete|Failed|Write|Non-2xx|HTML transferred|Document Length|apr_)'; }
same keep_alive facts -k -n 1600 -c 8 "http://127.0.0.1:$SUITE_PORT/page"
same close facts -n 1000 -c 8 "http://127.0.0.1:$SUITE_PORT/page"
same missing facts -n 300 -c 4 "http://127.0.0.1:$SUITE_PORT/nothing"
head -c 20000 /dev/zero >body
same post facts -n 200 -c 4 -p body -T text/plain "http://127.0.0.1:$SUITE_PORT/page"
same curl bash -c "curl -s http://127.0.0.1:$SUITE_PORT/page | sha256sum; curl -s -r 10-19 http://127.0.0.1:$SUITE_PORT/page; curl -sI http://127.0.0.1:$SUITE_PORT/page | grep -c ."
sleep 0.5
same access_log bash -c 'sort root/access | uniq -c'
