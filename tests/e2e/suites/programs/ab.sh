# SPDX-License-Identifier: MIT
# ab.sh - Apache (event) under Apache's own benchmark: as many answers, of as many bytes.  First one process in the
# debugger's way, then a parent and children as everybody has them: started, restarted gracefully, stopped.
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
facts() { ab -q "$@" >facts 2>&1 || return; grep -E '^(Complete|Failed|Write|Non-2xx|HTML transferred|apr_)' facts | tr -s ' '; }
# answers NUMBER BYTES [WORDS]: what ab says of so many answers.
answers() { printf '%s\n' "Complete requests: $1" "Failed requests: 0" ${3+"$3"} "HTML transferred: $2 bytes"; }
PAGE=http://127.0.0.1:$SUITE_PORT/page
is keep_alive "$(answers 1600 8000000)" facts -k -n 1600 -c 8 "$PAGE"
is close "$(answers 1000 5000000)" facts -n 1000 -c 8 "$PAGE"
same missing facts -n 300 -c 4 "http://127.0.0.1:$SUITE_PORT/nothing"
is missing_counted 'Non-2xx responses: 300' bash -c 'grep Non-2xx facts | tr -s " "'
head -c 20000 /dev/zero >body
is post "$(answers 200 1000000)" facts -n 200 -c 4 -p body -T text/plain "$PAGE"
is page 5000 bash -c "curl -sf $PAGE | tr -d '\n' | wc -c"
same curl bash -c "curl -s http://127.0.0.1:$SUITE_PORT/page | sha256sum; curl -s -r 10-19 http://127.0.0.1:$SUITE_PORT/page; curl -sI http://127.0.0.1:$SUITE_PORT/page | grep -c ."
# Lines are written after the answers.
until_there eval '[ $(wc -l <root/access) -ge 3104 ]'
same access_log bash -c 'sort root/access | uniq -c'
end_started
started=()

# www-data's work from here on, where we may: a parent that is root, children that are not.
[ "$(id -u)" = 0 ] && printf 'User www-data\nGroup www-data\n' >>conf
chmod a+rx . .. && chmod -R a+rX root
rm -f root/pid
httpd() { apache2 -f "$PWD/conf" -k "$@"; }
trap 'kill "$(cat root/pid)" 2>/dev/null; end_started' EXIT
answers_now() { curl -sf "$PAGE" >/dev/null; }
children() { cat /proc/"$(cat root/pid)"/task/*/children; }
same start httpd start
until_there answers_now
is children 2 eval 'children | wc -w'
is many "$(answers 1600 8000000)" facts -k -n 1600 -c 8 "$PAGE"
children >before
# Every answer is whole while the children are replaced.
graceful() {
	ab -q -n 3000 -c 4 "$PAGE" >during 2>&1 &
	sleep 0.1
	httpd graceful
	wait $!
	grep -E '^(Complete|Failed|HTML transferred)' during | tr -s ' '
}
is graceful "$(answers 3000 15000000)" graceful
until_there eval '! ps -o pid= -p "$(tr " " , <before | sed s/,$//)"'
is replaced 2 eval 'children | wc -w'
until_there answers_now
# One that is shot is replaced, too.
kill -SEGV "$(children | cut -d " " -f 1)"
until_there grep -q "exit signal Segmentation fault" root/error
until_there eval '[ "$(children | wc -w)" = 2 ]'
is shot "$(answers 400 2000000)" facts -n 400 -c 4 "$PAGE"
pid=$(cat root/pid)
same stop httpd stop
until_there eval '! kill -0 $pid'
is gone 'no pid file' bash -c 'test -e root/pid || echo no pid file'
is said 'AH00493
AH00052
AH00491' bash -c 'grep -o "AH00493: SIGUSR1\|AH00052: child pid [0-9]* exit signal Segmentation fault\|AH00491: caught SIGTERM" root/error | cut -d: -f1'
